/*
 * The dictionary and the match: what is found, where, and how often; what is
 * not; faults and limits; work in turns.
 */


#include "detect/match.h"
#include "tap.h"


#define PHRASES  8


/* what is found: "phrase@unit-unit_end", with "|" at the end of a sentence */

typedef struct {
    const char          *phrases[PHRASES];
    const char          *text;
    const char          *expected;
} find_t;


/* a phrase and a text of the documents of the service or its SDK, the offset */

typedef struct {
    int                  offset;
    const char          *value;
    const char          *text;
} sample_t;


typedef struct {
    char                *p;
    char                *end;
    size_t               hits;
    size_t               stop;         /* the hit to stop at, 0: none */
    detect_hit_t         first;
} found_t;


static const uint64_t  key[2] = { 0x123456789abcdef1, 0xfedcba9876543211 };


static const find_t  finds[] = {

    /* whole words, any case, without what stands between them */

    { { "COVID-19" }, "covid 19, Covid-19.", "0@0-8|" },
    { { "covid 19" }, "The COVID-19 test", "0@4-12|" },
    { { "follow up" }, "A follow-up", "0@2-11|" },
    { { "\xc3\x89t\xc3\xa9" }, "en e\xcc\x81te\xcc\x81", "0@3-8|" },
    { { "date", "lease", "I do", "can" },
      "update please, I don't; I can't", "|" },
    { { "raff", "ai" }, "traffic by email", "|" },
    { { "You're" }, "You\xe2\x80\x99re right", "0@0-6|" },
    { { "I can" }, "I can\xe2\x80\x99t", "|" },
    { { "ABC Corp" }, "ABC Corp's", "0@0-8|" },
    { { "it's" }, "So it\xe2\x80\x99s", "0@3-7|" },
    { { "AT&T", "C++", "C#", "C" }, "at&t, c++ or c#", "0@0-4 1@6-9 2@13-15|" },
    { { "$69.99", "10000" }, "For 69.99 of 10,000", "0@4-9 1@13-19|" },
    { { "new england" }, "something new. England", "||" },
    { { "new, (\"england\")" }, "new - england", "0@0-13|" },
    { { "Yahoo! Mail" }, "On Yahoo! Mail, no yahoo mail", "|0@3-14|" },
    { { "a. b" }, "a. ... B", "||0@0-8|" },
    { { "\xe6\x88\x91\xe7\x88\xb1" },
      "\xe5\xa4\xa9\xe6\x88\x91\xe7\x88\xb1\xe4\xbd\xa0", "0@1-3|" },
    { { "???", "", "x" }, "??? x", "|2@4-5|" },
    { { "caf\xc3\xa9" }, "\xf0\x9f\x98\x80 \xc4\xb0 CAFE\xcc\x81", "0@5-10|" },
    { { "Mr. Smith" }, "Ask Mr. Smith.", "0@4-13|" },

    /* equal ones, nested ones, overlaps; once a sentence, each */

    { { "covid", "COVID", "Covid!" }, "a covid", "0@2-7 1@2-7 2@2-7|" },
    { { "a", "a a", "a a a" }, "a a a. a a",
      "0@0-1 1@0-3 2@0-5|0@7-8 1@7-10|" },
    { { "b", "a b c", "b c", "c d" }, "a b c d", "0@2-3 1@0-5 2@2-5 3@4-7|" },
    { { "a b c d", "b c x", "c" }, "a b c x", "2@4-5 1@2-7|" },
    { { "platform" }, "I don't know which platform is it, but I came to know "
                      "that platform.", "0@19-27|" },
    { { "a b" }, "a \xc2\xa7 b", "0@0-5|" },
    { { "a b" }, "a unknown b", "|" },
    { { NULL }, "nothing to be found", "|" },
    { { "x" }, "", "" },

    { { NULL }, NULL, NULL }
};


/* where the offset is -1 the service found something similar, of other words */

static const sample_t  samples[] = {
    { 22, "Be polite and friendly",
      "All you need to do is be polite and friendly keep your answers short "
      "you can also Feel free to turn the question back to the interviewer." },
    { 26, "Documents",
      "Anyways, so I will submit documents tomorrow." },
    { 14, "Documents",
      "I will submit documents tomorrow." },
    { 22, "Documents",
      "James needs to submit documents tomorrow." },
    { 0, "Hello world",
      "Hello world." },
    { 67, "Interviewing for a new job",
      "This is part 1 of a five part series on preparing for an interview "
      "interviewing for a new job can be a huge source of stress and "
      "anxiety." },
    { 86, "Most common interview questions",
      "You will see me interview for a job throughout the interview will "
      "discuss some of the most common interview questions and how to answer "
      "them." },
    { 25, "Practice",
      "Kitchens, you could also practice with a friend here is an example of "
      "small talk." },
    { 31, "Practice",
      "It may seem silly, but you can practice small talk on your own by "
      "asking yourself simple easy to answer non personal." },
    { 37, "Practice",
      "If you're preparing for an interview practice talking about yourself "
      "and your work history record yourself with a video camera if "
      "possible." },
    { 80, "Practice",
      "It's important that you don't just write a paragraph and memorize it "
      "but simply practice free talking with some key phrases the more you "
      "practice before the interview the more comfortable you will feel "
      "answering the questions during the interview." },
    { 4, "Subscription",
      "Our subscription plan which includes the premium suite of services is "
      "$500 per month." },
    { 0, "This is awesome",
      "This is awesome." },
    { 22, "budget",
      "I would like to set a budget for this month." },
    { 19, "platform",
      "I don't know which platform is it, but I came to know that platform." },
    { 84, "platform",
      "So this is a live demo that we are trying to give very we are going "
      "to show how the platform detects various insights can do "
      "transcription in real time and also the different topics of "
      "discussions, which would be generated after the call is over, and "
      "they will be an email that will be sent to the inbox." },
    { -1, "Can you reiterate that one more time",
      "So I am not showing that here but you can have that, you know, for "
      "particular sentence and, you know, then aggregate based on the whole "
      "conversation." },
    { -1, "Can you reiterate that one more time",
      "Give that intent and name and that's it." },
    { -1, "Can you reiterate that one more time",
      "Yeah, and you So from sentiment analysis perspective, right?" },
    { -1, "I don't have any money",
      "I ran out of budget" },
    { -1, "I like it",
      "I love it." },
    { -1, "Interviewing for a new job",
      "That's all about preparing for a job interview." },
    { -1, "Most common interview questions",
      "And if you're interviewing for a job in a non-native language, the "
      "stress can be even higher in this video." },
    { -1, "Most common interview questions",
      "This is part 1 of a five part series on preparing for an interview "
      "interviewing for a new job can be a huge source of stress and "
      "anxiety." },
    { -1, "Most common interview questions",
      "For instance if the interviewer asks you how your weekend was you "
      "might respond." },
    { -1, "Most common interview questions",
      "All you need to do is be polite and friendly keep your answers short "
      "you can also Feel free to turn the question back to the interviewer." },
    { -1, "Most common interview questions",
      "Did you have any trouble finding the office Small Talk most "
      "interviews will start out with a handshake and some small talk?" },
    { -1, "Most common interview questions",
      "It's very common for interviewers to Simply ask you to tell them "
      "about yourself." },
    { -1, "Most common interview questions",
      "If you're preparing for an interview practice talking about yourself "
      "and your work history record yourself with a video camera if "
      "possible." },
    { -1, "Most common interview questions",
      "It's important that you don't just write a paragraph and memorize it "
      "but simply practice free talking with some key phrases the more you "
      "practice before the interview the more comfortable you will feel "
      "answering the questions during the interview." },
    { -1, "Most common interview questions",
      "We will go over three more common interview questions." },
    { -1, "Most common interview questions",
      "What attracted you to our company and what's your greatest strength I "
      "hope this video on job interviews has been helpful there's nothing "
      "better than walking out of an interview feeling that you were fully "
      "prepared if you have interview related questions or stories, please "
      "post them in the comments below I would love to hear them." },
    { -1, "What is the price",
      "How much does it cost?" },
    { -1, "run sale",
      "We're running a sale right now" },
    { -1, "wear mask",
      "Wearing mask is a good safety measure." },
    { 0, NULL, NULL }
};


static int
on_hit(void *data, const detect_hit_t *hit)
{
    found_t  *found = data;

    if (found->hits++ == 0) {
        found->first = *hit;
    }

    if (found->p) {
        found->p += snprintf(found->p, found->end - found->p, "%s%u@%u-%u",
                             found->p[-1] == '|' ? "" : " ",
                             hit->phrase, hit->unit, hit->unit_end);
    }

    return found->hits == found->stop;
}


static int
on_sentence(void *data, const detect_item_t *sentence)
{
    found_t  *found = data;

    (void) sentence;

    if (found->p) {
        found->p += snprintf(found->p, found->end - found->p, "|");
    }

    return 0;
}


static detect_dict_t *
compile(const detect_str_t *phrases, uint32_t n, size_t budget,
    detect_rc_e *rc, size_t *turns)
{
    size_t           left;
    detect_dict_t   *dict;
    detect_build_t  *build;

    build = detect_build_create(phrases, n, key);

    *turns = 0;

    do {
        left = budget;
        *rc = detect_build_run(build, &left);
        (*turns)++;
    } while (*rc == DETECT_AGAIN);

    dict = *rc == DETECT_OK ? detect_build_dict(build) : NULL;

    if (*rc == DETECT_OK && detect_build_dict(build)) {
        *turns = 0;
    }

    detect_build_destroy(build);

    return dict;
}


static detect_dict_t *
compile_strings(const char *const *strings)
{
    size_t         n, turns;
    detect_rc_e    rc;
    detect_str_t   phrases[PHRASES];

    for (n = 0; n < PHRASES && strings[n]; n++) {
        phrases[n].data = strings[n];
        phrases[n].len = strlen(strings[n]);
    }

    return compile(phrases, n, (size_t) -1, &rc, &turns);
}


static detect_rc_e
match(detect_dict_t *dict, const char *text, size_t len, size_t budget,
    found_t *found)
{
    char                *copy;
    size_t               left;
    detect_rc_e          rc;
    detect_match_t      *m;
    detect_handlers_t    handlers = { on_hit, on_sentence, found };

    copy = malloc(len ? len : 1);
    memcpy(copy, text, len);

    m = malloc(detect_match_size(dict));
    m = detect_match_start(m, dict, &handlers, copy, len);

    do {
        left = budget;
        rc = detect_match_run(m, &left);
    } while (rc == DETECT_AGAIN);

    free(m);
    free(copy);

    return rc;
}


static void
test_finds(void)
{
    char            buffer[1024];
    size_t          len, one;
    found_t         found;
    const find_t   *find;
    detect_dict_t  *dict;

    for (find = finds; find->text; find++) {
        dict = compile_strings(find->phrases);

        for (one = 0; one < 2; one++) {
            memset(&found, 0, sizeof(found));
            buffer[0] = '|';
            buffer[1] = '\0';
            found.p = buffer + 1;
            found.end = buffer + sizeof(buffer);

            match(dict, find->text, strlen(find->text),
                  one ? 1 : (size_t) -1, &found);

            len = found.p - buffer - 1;
            is(buffer + 1, len, find->expected, find->text);
        }

        detect_dict_destroy(dict);
    }
}


static void
test_samples(void)
{
    found_t          found;
    const char      *phrases[PHRASES];
    detect_dict_t   *dict;
    const sample_t  *sample;

    for (sample = samples; sample->value; sample++) {
        memset(&found, 0, sizeof(found));
        memset(phrases, 0, sizeof(phrases));
        phrases[0] = sample->value;

        dict = compile_strings(phrases);
        match(dict, sample->text, strlen(sample->text), (size_t) -1, &found);
        detect_dict_destroy(dict);

        ok(sample->offset < 0 ? found.hits == 0
                              : found.hits == 1
                                && (int) found.first.unit == sample->offset,
           "%s: %d", sample->value, sample->offset);
    }
}


/*
 * A sentence that is cut because it is too long has no end there: phrases with
 * one are not found, wherever the cut is, and no hit crosses it.
 */

static void
test_pieces(void)
{
    char           *text;
    size_t          i, from, len, turns, hits;
    found_t         found;
    detect_rc_e     rc;
    detect_dict_t  *dict;

    static const detect_str_t  phrases[] = { { 6, "aa. bb" }, { 5, "aa bb" } };

    enum { N = 700 };

    text = malloc(6 * N + 8);
    memset(text, '-', 6);

    for (i = 0; i < N; i++) {
        memcpy(text + 6 + 6 * i, "aa bb ", 6);
    }

    dict = compile(phrases, 2, (size_t) -1, &rc, &turns);
    hits = 0;
    len = 0;

    for (from = 0; from < 6; from++) {
        memset(&found, 0, sizeof(found));
        match(dict, text + from, 6 * N, (size_t) -1, &found);

        hits += found.hits;
        len += found.first.phrase == 1 && found.hits == 3;
    }

    ok(hits == 6 * 3 && len == 6, "pieces of a sentence, one hit in each");

    detect_dict_destroy(dict);
    free(text);
}


/* "a", "a a" and so on, in a text of nothing else */

static void
test_nested(void)
{
    char           *text, *data;
    size_t          i, turns;
    found_t         found;
    detect_rc_e     rc;
    detect_str_t    phrases[1000];
    detect_dict_t  *dict;

    data = malloc(2000);
    text = malloc(100000);

    for (i = 0; i < 100000; i++) {
        text[i] = i % 2 ? ' ' : 'a';
    }

    memcpy(data, text, 2000);

    for (i = 0; i < 1000; i++) {
        phrases[i].data = data;
        phrases[i].len = 2 * i + 1;
    }

    dict = compile(phrases, 1000, 1000, &rc, &turns);
    ok(dict && turns > 10, "nested phrases, in turns");

    memset(&found, 0, sizeof(found));
    ok(match(dict, text, 100000, 10000, &found) == DETECT_OK, "matched");

    /* no sentence has as many words as the longest */

    ok(found.hits > 50 * 800 && found.hits < 60 * 1000,
       "once a sentence each: %zu", found.hits);

    memset(&found, 0, sizeof(found));
    found.stop = 5;
    ok(match(dict, text, 100000, 10000, &found) == DETECT_STOPPED
       && found.hits == 5, "stopped by the handler");

    detect_dict_destroy(dict);
    free(data);
    free(text);
}


/* how often a phrase of len bytes is found where it is the whole text */

static size_t
found_itself(const char *data, size_t len)
{
    size_t          turns;
    found_t         found;
    detect_rc_e     rc;
    detect_str_t    phrase = { len, data };
    detect_dict_t  *dict;

    dict = compile(&phrase, 1, 1, &rc, &turns);

    if (dict == NULL) {
        return 100;
    }

    memset(&found, 0, sizeof(found));

    match(dict, data, len, (size_t) -1, &found);
    detect_dict_destroy(dict);

    return found.hits;
}


static void
test_limits(void)
{
    size_t       i;
    static char  data[10000];

    memset(data, 'a', sizeof(data));

    ok(found_itself(data, DETECT_WORD_MAX) == 1,
       "a word of the greatest length");
    ok(found_itself(data, DETECT_WORD_MAX + 1) == 0, "a byte more");

    for (i = 1; i < sizeof(data); i += 2) {
        data[i] = '-';
    }

    ok(found_itself(data, DETECT_SENTENCE_MAX / 2) == 1, "a long phrase");
    ok(found_itself(data, DETECT_SENTENCE_MAX + 1) == 0, "too long");
    ok(found_itself(data, sizeof(data)) == 0, "very long");
}


/* many children of a state and of the root; two matches at once */

static void
test_many(void)
{
    size_t              i, budget, again, turns;
    char               *text;
    found_t             found[2];
    detect_rc_e         rc[2];
    detect_str_t       *phrases;
    detect_dict_t      *dict;
    detect_match_t     *m[2];
    detect_handlers_t   handlers[2];

    enum { N = 70000, LINE = 13 };

    phrases = malloc(2 * N * sizeof(detect_str_t));
    text = malloc(N * LINE + 1);

    for (i = 0; i < N; i++) {
        sprintf(text + i * LINE, "so w%08zu\n", i);
        phrases[i].data = text + i * LINE;
        phrases[i].len = LINE - 1;
        phrases[N + i].data = text + i * LINE + 3;
        phrases[N + i].len = LINE - 4;
    }

    dict = compile(phrases, 2 * N, 100000, &rc[0], &turns);
    ok(dict && turns > 100, "%d phrases in %zu turns", 2 * N, turns);
    ok(detect_dict_size(dict) > 2 * N * 32
       && detect_dict_size(dict) < (size_t) 2 * N * 200,
       "%zu bytes a phrase", detect_dict_size(dict) / (2 * N));

    memset(found, 0, sizeof(found));

    for (i = 0; i < 2; i++) {
        handlers[i].hit = on_hit;
        handlers[i].sentence = on_sentence;
        handlers[i].data = &found[i];
        m[i] = detect_match_start(malloc(detect_match_size(dict)), dict,
                                  &handlers[i], text, N * LINE);
    }

    for (again = 2; again; ) {
        again = 0;

        for (i = 0; i < 2; i++) {
            budget = 300;
            rc[i] = detect_match_run(m[i], &budget);
            again += rc[i] == DETECT_AGAIN;
        }
    }

    ok(found[0].hits == 2 * N && found[1].hits == 2 * N,
       "all are found, by two matches in turns");

    free(m[0]);
    free(m[1]);
    detect_dict_destroy(dict);
    free(phrases);
    free(text);
}


int
main(void)
{
    test_finds();
    test_samples();
    test_pieces();
    test_nested();
    test_limits();
    test_many();

    return tap_done();
}
