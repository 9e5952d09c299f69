/*
 * From trackers and messages to the texts that are stored, and from these to
 * what a client reads; in one turn and in many.
 */


#include "detect/answer.h"
#include "detect/record.h"
#include "detect/stem.h"
#include "detect/time.h"
#include "tap.h"


#define STR(s)  { sizeof(s) - 1, s }


static const uint64_t  key[2] = { 0x123456789abcdef1, 0xfedcba9876543211 };

static tracker_str_t  health[] = { STR("COVID-19"), STR("mask"),
                                   STR("say \"a\"") };
static tracker_str_t  other[] = { STR("covid"), STR("never") };


/* a job, as it would be read */

typedef struct {
    char           *said;
    char           *found;
    char           *members;
} texts_t;


typedef struct {
    detect_str_t    said;
    detect_str_t    found;
} job_t;


static void
add(detect_trackers_t *trackers, const char *id, const char *name,
    tracker_str_t *phrases, size_t n)
{
    tracker_t  t;

    memset(&t, 0, sizeof(t));

    t.id.data = id;
    t.id.len = 16;
    t.name.data = name;
    t.name.len = strlen(name);
    t.vocabulary.n = n;
    t.vocabulary.elts = phrases;

    if (detect_trackers_add(trackers, &t) != DETECT_OK) {
        ok(0, "a tracker");
    }
}


static void
compile(detect_trackers_t *trackers, size_t budget)
{
    size_t       left;
    detect_rc_e  rc;

    do {
        left = budget;
        rc = detect_trackers_compile(trackers, key, 1, &left);
    } while (rc == DETECT_AGAIN);

    if (rc != DETECT_OK) {
        ok(0, "compiled");
    }
}


static char *
text_of(const detect_buffer_t *buffer)
{
    char  *p;

    p = malloc(buffer->n + 1);

    if (buffer->n) {
        memcpy(p, buffer->data, buffer->n);
    }

    p[buffer->n] = '\0';

    return p;
}


static int  similar;               /* search by stems too */


static detect_rc_e
run(detect_trackers_t *one, detect_trackers_t *two, const uint8_t *chosen,
    tracker_utterance_t *messages, size_t n, uint64_t first, uint32_t most,
    size_t budget, texts_t *texts)
{
    size_t                  left;
    detect_rc_e             rc;
    detect_record_t         record;
    detect_search_t         search;
    tracker_conversation_t  conversation;

    memset(&search, 0, sizeof(search));
    memset(&record, 0, sizeof(record));
    memset(&conversation, 0, sizeof(conversation));

    conversation.messages = messages;
    conversation.nmessages = n;

    search.sources[0].trackers = one;
    search.sources[0].chosen = chosen;
    search.sources[1].trackers = two;
    search.n_sources = two ? 2 : 1;

    if (similar) {
        search.sources[1].trackers = one;
        search.sources[1].similar = 1;
        search.n_sources = 2;
    }

    search.messages = messages;
    search.n_messages = n;
    search.max_finds = most;

    do {
        left = budget;
        rc = detect_search_run(&search, &left);
    } while (rc == DETECT_AGAIN);

    if (rc == DETECT_OK) {
        record.search = &search;
        record.conversation = &conversation;
        record.key[0] = key[0];
        record.key[1] = key[1];
        record.first = first;
        record.now = 1767225600000;

        do {
            left = budget;
            rc = detect_record_write(&record, &left);
        } while (rc == DETECT_AGAIN);

        texts->said = text_of(&record.said);
        texts->found = text_of(&record.found);
        texts->members = text_of(&record.members);

        detect_record_free(&record);
    }

    detect_search_free(&search);

    return rc;
}


static void
free_texts(texts_t *texts)
{
    free(texts->said);
    free(texts->found);
    free(texts->members);
}


static job_t
job_of(const texts_t *texts)
{
    job_t  job;

    job.said.data = texts->said;
    job.said.len = strlen(texts->said);
    job.found.data = texts->found;
    job.found.len = strlen(texts->found);

    return job;
}


/* memory of the right size: the sanitizer sees what is behind it */

static detect_str_t
join(const job_t *jobs, size_t n, int found)
{
    char                *p;
    size_t               i;
    detect_str_t         all;
    const detect_str_t  *str;

    p = NULL;
    all.len = 0;

    for (i = 0; i < n; i++) {
        str = found ? &jobs[i].found : &jobs[i].said;

        p = realloc(p, all.len + str->len ? all.len + str->len : 1);

        if (str->len) {
            memcpy(p + all.len, str->data, str->len);
        }

        all.len += str->len;
    }

    all.data = p;

    return all;
}


/* the array of trackers; NULL if the texts are not accepted */

static char *
report(const job_t *jobs, size_t n, size_t budget)
{
    char             *answer;
    size_t            left, size;
    detect_rc_e       rc;
    detect_buffer_t   buffer = { NULL, 0, 0 };
    detect_report_t   report;

    memset(&report, 0, sizeof(report));

    report.said = join(jobs, n, 0);
    report.found = join(jobs, n, 1);
    report.key[0] = key[0];
    report.key[1] = key[1];

    do {
        left = budget;
        rc = detect_report_read(&report, &left);
    } while (rc == DETECT_AGAIN);

    size = 0;

    while (rc == DETECT_OK) {
        size = budget < 100 ? size + 1 : (size_t) -1;
        rc = detect_report_write(&report, &buffer, size);

        if (rc == DETECT_OK) {
            break;
        }

        rc = rc == DETECT_AGAIN ? DETECT_OK : rc;
    }

    answer = rc == DETECT_OK ? text_of(&buffer) : NULL;

    free(buffer.data);
    free((char *) report.said.data);
    free((char *) report.found.data);
    detect_report_free(&report);

    return answer;
}


/* each line is a piece, which is gone when the next one comes */

static char *
messages_of(const job_t *jobs, size_t n, const char *id, size_t step)
{
    char               *answer, *piece;
    size_t              i, size;
    const char         *p, *end;
    detect_str_t        said;
    detect_rc_e         rc;
    detect_buffer_t     buffer = { NULL, 0, 0 };
    detect_messages_t   messages;

    memset(&messages, 0, sizeof(messages));

    messages.id.data = id;
    messages.id.len = strlen(id);

    size = 0;
    rc = DETECT_OK;

    for (i = 0; i < n; i++) {
        end = jobs[i].said.data + jobs[i].said.len;

        for (p = jobs[i].said.data; p < end && rc == DETECT_OK; p += said.len) {
            piece = memchr(p, '\n', end - p);
            said.len = (piece ? piece + 1 : end) - p;
            piece = malloc(said.len);
            said.data = memcpy(piece, p, said.len);

            do {
                size += step;
                rc = detect_messages_write(&messages, &said, &buffer, size);
            } while (rc == DETECT_AGAIN);

            memset(piece, 'x', said.len);
            free(piece);
        }
    }

    answer = rc == DETECT_OK ? text_of(&buffer) : NULL;

    free(buffer.data);
    detect_messages_free(&messages);

    return answer;
}


static void
test_texts(size_t budget)
{
    char               *answer;
    texts_t             texts, more;
    job_t        jobs[2];
    uint32_t            index;
    tracker_str_t       id = { 16, NULL };
    detect_trackers_t   stored, given;

    static tracker_utterance_t  messages[] = {
        { STR("Wear a mask. A mask helps with COVID 19!"), STR("Ann"),
          STR("ann@x.example"), STR("2026-01-01T00:00:01.5Z"),
          STR("2026-01-01T00:00:03Z") },
        { STR(""), STR("Bob"), { 0, NULL }, { 0, NULL }, { 0, NULL } },
        { STR("\xf0\x9f\x98\xb7 mask\nno"), STR("Ann B."),
          STR("ann@x.example"), { 0, NULL }, { 0, NULL } },
        { STR("say \"a\" covid"), { 0, NULL }, { 0, NULL }, { 0, NULL },
          { 0, NULL } }
    };

    memset(&stored, 0, sizeof(stored));
    memset(&given, 0, sizeof(given));

    add(&stored, "4503599627370497", "Health \"A\"", health, 3);
    add(&stored, "4503599627370498", "Other", other, 2);
    add(&given, "4503599627370499", "Mine", health + 1, 1);

    compile(&stored, budget);
    compile(&given, budget);

    ok(detect_trackers_of(&stored, 0) == 0 && detect_trackers_of(&stored, 2)
       == 0 && detect_trackers_of(&stored, 3) == 1
       && detect_trackers_of(&stored, 4) == 1, "whose phrases they are");

    id.data = "4503599627370498";
    ok(detect_trackers_find(&stored, &id, &index) && index == 1, "by its id");

    id.data = "4503599627370499";
    ok(!detect_trackers_find(&stored, &id, &index), "no such id");

    ok(run(&stored, &given, NULL, messages, 4, 5000000000000000, 100, budget,
           &texts)
       == DETECT_OK, "a job");

    is(texts.said, strlen(texts.said),
       "1 5000000000000000\n"
       "M 1767225601500 1500 \"from\":{\"id\":\"6966407814623805\","
       "\"name\":\"Ann\","
       "\"email\":\"ann@x.example\"},\"startTime\":\"2026-01-01T00:00:01.5Z\","
       "\"endTime\":\"2026-01-01T00:00:03Z\"\n"
       "S \"Wear a mask.\"\n"
       "S \"A mask helps with COVID 19!\"\n"
       "M 1767225600000 0 \"from\":{\"id\":\"6302510831989421\","
       "\"name\":\"Bob\"}"
       ",\"startTime\":\"2026-01-01T00:00:00.000Z\","
       "\"endTime\":\"2026-01-01T00:00:00.000Z\"\n"
       "M 1767225600000 0 \"from\":{\"id\":\"6966407814623805\","
       "\"name\":\"Ann B.\","
       "\"email\":\"ann@x.example\"},"
       "\"startTime\":\"2026-01-01T00:00:00.000Z\","
       "\"endTime\":\"2026-01-01T00:00:00.000Z\"\n"
       "S \"😷 mask\"\n"
       "S \"no\"\n"
       "M 1767225600000 0 \"from\":{},"
       "\"startTime\":\"2026-01-01T00:00:00.000Z\","
       "\"endTime\":\"2026-01-01T00:00:00.000Z\"\n"
       "S \"say \\\"a\\\" covid\"\n",
       "what was said");
    is(texts.found, strlen(texts.found),
       "1 5000000000000000 681\n"
       "T 4503599627370497 \"Health \\\"A\\\"\"\n"
       "P \"COVID-19\"\n"
       "R 1 18 26 199 29\n"
       "P \"mask\"\n"
       "R 0 7 11 182 14\n"
       "R 1 2 6 199 29\n"
       "R 2 3 7 538 11\n"
       "P \"say \\\"a\\\"\"\n"
       "R 4 0 6 663 17\n"
       "T 4503599627370498 \"Other\"\n"
       "P \"covid\"\n"
       "R 1 18 23 199 29\n"
       "R 4 8 13 663 17\n"
       "T 4503599627370499 \"Mine\"\n"
       "P \"mask\"\n"
       "R 0 7 11 182 14\n"
       "R 1 2 6 199 29\n"
       "R 2 3 7 538 11\n",
       "what was found");
    is(texts.members, strlen(texts.members),
       "{\"id\":\"6966407814623805\",\"name\":\"Ann\","
       "\"email\":\"ann@x.example\"}"
       "\n"
       "{\"id\":\"6302510831989421\",\"name\":\"Bob\"}\n",
       "who spoke");

    jobs[0] = job_of(&texts);

    answer = report(jobs, 1, budget);
    is(answer, strlen(answer),
       "[{\"id\":\"4503599627370497\",\"name\":\"Health \\\"A\\\"\","
       "\"matches\":[{\"type\":\"vocabulary\",\"value\":\"COVID-19\","
       "\"messageRefs\":[{\"id\":\"5000000000000001\","
       "\"text\":\"A mask helps with COVID 19!\","
       "\"offset\":18,\"end\":26}],"
       "\"insightRefs\":[]},{\"type\":\"vocabulary\","
       "\"value\":\"mask\",\"messageRefs\":[{\"id\":\"5000000000000000\","
       "\"text\":\"Wear a mask.\","
       "\"offset\":7,\"end\":11},{\"id\":\"5000000000000001\","
       "\"text\":\"A mask helps with COVID 19!\",\"offset\":2,\"end\":6}"
       ",{\"id\":\"5000000000000002\",\"text\":\"😷 mask\",\"offset\":3,"
       "\"end\":7}],\"insightRefs\":[]},{\"type\":\"vocabulary\","
       "\"value\":\"say \\\"a\\\"\","
       "\"messageRefs\":[{\"id\":\"5000000000000004\","
       "\"text\":\"say \\\"a\\\" covid\","
       "\"offset\":0,\"end\":6}],"
       "\"insightRefs\":[]}]},{\"id\":\"4503599627370498\","
       "\"name\":\"Other\",\"matches\":[{\"type\":\"vocabulary\","
       "\"value\":\"covid\","
       "\"messageRefs\":[{\"id\":\"5000000000000001\","
       "\"text\":\"A mask helps with COVID 19!\","
       "\"offset\":18,\"end\":23},{\"id\":\"5000000000000004\","
       "\"text\":\"say \\\"a\\\" covid\","
       "\"offset\":8,\"end\":13}],"
       "\"insightRefs\":[]}]},{\"id\":\"4503599627370499\","
       "\"name\":\"Mine\",\"matches\":[{\"type\":\"vocabulary\","
       "\"value\":\"mask\","
       "\"messageRefs\":[{\"id\":\"5000000000000000\","
       "\"text\":\"Wear a mask.\","
       "\"offset\":7,\"end\":11},{\"id\":\"5000000000000001\","
       "\"text\":\"A mask helps with COVID 19!\","
       "\"offset\":2,\"end\":6},{\"id\":\"5000000000000002\","
       "\"text\":\"😷 mask\","
       "\"offset\":3,\"end\":7}],\"insightRefs\":[]}]}]",
       "the answer");
    free(answer);

    ok(run(&stored, NULL, (uint8_t *) "\1\0", messages, 1, 6000000000000000,
           100, budget, &more)
       == DETECT_OK, "another job, of one tracker");

    jobs[1] = job_of(&more);

    answer = report(jobs, 2, budget);
    is(answer, strlen(answer),
       "[{\"id\":\"4503599627370497\",\"name\":\"Health \\\"A\\\"\","
       "\"matches\":[{\"type\":\"vocabulary\",\"value\":\"COVID-19\","
       "\"messageRefs\":[{\"id\":\"5000000000000001\","
       "\"text\":\"A mask helps with COVID 19!\","
       "\"offset\":18,\"end\":26},{\"id\":\"6000000000000001\","
       "\"text\":\"A mask helps with COVID 19!\","
       "\"offset\":18,\"end\":26}],"
       "\"insightRefs\":[]},{\"type\":\"vocabulary\","
       "\"value\":\"mask\",\"messageRefs\":[{\"id\":\"5000000000000000\","
       "\"text\":\"Wear a mask.\","
       "\"offset\":7,\"end\":11},{\"id\":\"5000000000000001\","
       "\"text\":\"A mask helps with COVID 19!\",\"offset\":2,\"end\":6}"
       ",{\"id\":\"5000000000000002\",\"text\":\"😷 mask\",\"offset\":3,"
       "\"end\":7},{\"id\":\"6000000000000000\",\"text\":\"Wear a mask.\","
       "\"offset\":7,\"end\":11},{\"id\":\"6000000000000001\","
       "\"text\":\"A mask helps with COVID 19!\","
       "\"offset\":2,\"end\":6}],\"insightRefs\":[]},{\"type\":\"vocabulary\","
       "\"value\":\"say \\\"a\\\"\","
       "\"messageRefs\":[{\"id\":\"5000000000000004\","
       "\"text\":\"say \\\"a\\\" covid\","
       "\"offset\":0,\"end\":6}],\"insightRefs\":[]}"
       "]},{\"id\":\"4503599627370498\",\"name\":\"Other\","
       "\"matches\":[{\"type\":\"vocabulary\","
       "\"value\":\"covid\",\"messageRefs\":[{\"id\":\"5000000000000001\","
       "\"text\":\"A mask helps with COVID 19!\",\"offset\":18,\"end\":23}"
       ",{\"id\":\"5000000000000004\",\"text\":\"say \\\"a\\\" covid\","
       "\"offset\":8,\"end\":13}],"
       "\"insightRefs\":[]}]},{\"id\":\"4503599627370499\","
       "\"name\":\"Mine\",\"matches\":[{\"type\":\"vocabulary\","
       "\"value\":\"mask\","
       "\"messageRefs\":[{\"id\":\"5000000000000000\","
       "\"text\":\"Wear a mask.\","
       "\"offset\":7,\"end\":11},{\"id\":\"5000000000000001\","
       "\"text\":\"A mask helps with COVID 19!\","
       "\"offset\":2,\"end\":6},{\"id\":\"5000000000000002\","
       "\"text\":\"😷 mask\","
       "\"offset\":3,\"end\":7}],\"insightRefs\":[]}]}]",
       "both jobs");
    free(answer);

    answer = messages_of(jobs, 2, "4503599627370500", budget);
    is(answer, strlen(answer),
       "{\"id\":\"5000000000000000\",\"text\":\"Wear a mask.\","
       "\"from\":{\"id\":\"6966407814623805\","
       "\"name\":\"Ann\","
       "\"email\":\"ann@x.example\"},\"startTime\":\"2026-01-01T00:00:01.5Z\","
       "\"endTime\":\"2026-01-01T00:00:03Z\","
       "\"timeOffset\":0,\"duration\":1.5,"
       "\"conversationId\":\"4503599627370500\","
       "\"phrases\":[]},{\"id\":\"5000000000000001\","
       "\"text\":\"A mask helps with COVID 19!\","
       "\"from\":{\"id\":\"6966407814623805\","
       "\"name\":\"Ann\","
       "\"email\":\"ann@x.example\"},\"startTime\":\"2026-01-01T00:00:01.5Z\","
       "\"endTime\":\"2026-01-01T00:00:03Z\","
       "\"timeOffset\":0,\"duration\":1.5,"
       "\"conversationId\":\"4503599627370500\","
       "\"phrases\":[]},{\"id\":\"5000000000000002\","
       "\"text\":\"😷 mask\",\"from\":{\"id\":\"6966407814623805\","
       "\"name\":\"Ann B.\","
       "\"email\":\"ann@x.example\"},"
       "\"startTime\":\"2026-01-01T00:00:00.000Z\","
       "\"endTime\":\"2026-01-01T00:00:00.000Z\","
       "\"timeOffset\":0,\"duration\":0,"
       "\"conversationId\":\"4503599627370500\","
       "\"phrases\":[]},{\"id\":\"5000000000000003\","
       "\"text\":\"no\",\"from\":{\"id\":\"6966407814623805\","
       "\"name\":\"Ann B.\","
       "\"email\":\"ann@x.example\"},"
       "\"startTime\":\"2026-01-01T00:00:00.000Z\","
       "\"endTime\":\"2026-01-01T00:00:00.000Z\","
       "\"timeOffset\":0,\"duration\":0,"
       "\"conversationId\":\"4503599627370500\","
       "\"phrases\":[]},{\"id\":\"5000000000000004\","
       "\"text\":\"say \\\"a\\\" covid\","
       "\"from\":{},\"startTime\":\"2026-01-01T00:00:00.000Z\","
       "\"endTime\":\"2026-01-01T00:00:00.000Z\","
       "\"timeOffset\":0,\"duration\":0,"
       "\"conversationId\":\"4503599627370500\","
       "\"phrases\":[]},{\"id\":\"6000000000000000\","
       "\"text\":\"Wear a mask.\",\"from\":{\"id\":\"6966407814623805\","
       "\"name\":\"Ann\","
       "\"email\":\"ann@x.example\"},\"startTime\":\"2026-01-01T00:00:01.5Z\","
       "\"endTime\":\"2026-01-01T00:00:03Z\","
       "\"timeOffset\":0,\"duration\":1.5,"
       "\"conversationId\":\"4503599627370500\","
       "\"phrases\":[]},{\"id\":\"6000000000000001\","
       "\"text\":\"A mask helps with COVID 19!\","
       "\"from\":{\"id\":\"6966407814623805\","
       "\"name\":\"Ann\","
       "\"email\":\"ann@x.example\"},\"startTime\":\"2026-01-01T00:00:01.5Z\","
       "\"endTime\":\"2026-01-01T00:00:03Z\","
       "\"timeOffset\":0,\"duration\":1.5,"
       "\"conversationId\":\"4503599627370500\",\"phrases\":[]}",
       "the messages of both");
    free(answer);

    free_texts(&texts);
    free_texts(&more);

    ok(run(&stored, &given, NULL, messages, 4, 1, 5, budget, &texts)
       == DETECT_STOPPED, "more finds than allowed");

    detect_trackers_free(&stored);
    detect_trackers_free(&given);
}


/*
 * By stems, and the documents' samples of it: a phrase that stands there by its
 * words is found so.
 */

static void
test_similar(size_t budget)
{
    char               *answer;
    texts_t             texts;
    job_t               job;
    detect_trackers_t   trackers;

    static tracker_str_t  phrases[] = {
        STR("wear mask"), STR("run sale"), STR("dashboards"), STR("How are you"),
        STR("What is the price"), STR("get back to you on that"), STR("art")
    };

    static tracker_utterance_t  message = {
        STR("Wearing a mask is a good safety measure.\n"
            "We're running a sale right now: run sale!\n"
            "The sale runs. The dashboard; arts.\n"
            "How do you do? How much does it cost?\n"
            "I ran out. Wear masks."),
        { 0, NULL }, { 0, NULL }, { 0, NULL }, { 0, NULL }
    };

    memset(&trackers, 0, sizeof(trackers));

    add(&trackers, "4503599627370497", "A", phrases, 7);
    compile(&trackers, budget);

    similar = 1;
    ok(run(&trackers, NULL, NULL, &message, 1, 5000000000000000, 100, budget,
           &texts)
       == DETECT_OK, "by stems");
    similar = 0;

    job = job_of(&texts);
    answer = report(&job, 1, budget);
    is(answer, strlen(answer),
       "[{\"id\":\"4503599627370497\",\"name\":\"A\",\"matches\":[{\"type\":"
       "\"vocabulary\",\"value\":\"wear mask\",\"messageRefs\":[{\"id\":"
       "\"5000000000000000\",\"text\":\"Wearing a mask is a good safety measu"
       "re.\",\"offset\":-1},{\"id\":\"5000000000000007\",\"text\":\"Wear mas"
       "ks.\",\"offset\":-1}],\"insightRefs\":[]},{\"type\":\"vocabulary\","
       "\"value\":\"run sale\",\"messageRefs\":[{\"id\":\"5000000000000001\","
       "\"text\":\"We're running a sale right now: run sale!\",\"offset\":"
       "32,\"end\":40}],\"insightRefs\":[]},{\"type\":\"vocabulary\",\"value\""
       ":\"dashboards\",\"messageRefs\":[{\"id\":\"5000000000000003\",\"text\""
       ":\"The dashboard; arts.\",\"offset\":-1}],\"insightRefs\":[]}]}]",
       "what is found by stems");

    free(answer);
    free_texts(&texts);
    detect_trackers_free(&trackers);
}


/* as many phrases as take two passes to sort, found in another order */

static void
test_order(void)
{
    char                *text, *p;
    size_t               i, sorted;
    uint32_t             k;
    detect_search_t      search;
    detect_trackers_t    trackers;
    tracker_utterance_t  message;

    static char           words[5000][8];
    static tracker_str_t  phrases[5000];

    memset(&trackers, 0, sizeof(trackers));
    memset(&search, 0, sizeof(search));
    memset(&message, 0, sizeof(message));

    text = malloc(2 * 8 * 5000);
    p = text;

    for (i = 0; i < 5000; i++) {
        phrases[i].data = words[i];
        phrases[i].len = sprintf(words[i], "w%u", (unsigned) i);
    }

    /* 7 has no divisor in common with 5000; each word stands there twice */

    for (i = 0; i < 10000; i++) {
        p += sprintf(p, "%s\n", words[i * 7 % 5000]);
    }

    add(&trackers, "4503599627370497", "A", phrases, 5000);
    compile(&trackers, (size_t) -1);

    message.content.data = text;
    message.content.len = p - text;

    search.sources[0].trackers = &trackers;
    search.n_sources = 1;
    search.messages = &message;
    search.n_messages = 1;
    search.max_finds = 10000;

    i = (size_t) -1;
    ok(detect_search_run(&search, &i) == DETECT_OK
       && search.sources[0].n == 10000, "ten thousand finds");

    sorted = 0;

    for (k = 1; k < search.sources[0].n; k++) {
        sorted += search.sources[0].finds[k - 1].phrase
                  < search.sources[0].finds[k].phrase
                  || (search.sources[0].finds[k - 1].phrase
                      == search.sources[0].finds[k].phrase
                      && search.sources[0].finds[k - 1].sentence
                         < search.sources[0].finds[k].sentence);
    }

    ok(sorted == 9999, "by phrase, then as in the text");

    detect_search_free(&search);
    detect_trackers_free(&trackers);
    free(text);
}


/*
 * Redis may return anything: what is cut off, or changed in one byte, is
 * refused or read, and no byte is read that is not there
 */

static void
test_hostile(void)
{
    char          *answer, *said, *found;
    size_t         i, n, accepted, refused;
    job_t   job;

    static const char  good_said[] = "1 5000000000000000\n"
                                     "M 1 0 \"from\":{}\nS \"a b\"\n";
    static const char  good_found[] = "1 5000000000000000 43\n"
                                      "T 4503599627370497 \"A\"\nP \"b\"\n"
                                      "R 0 2 3 37 5\n";

    n = sizeof(good_found) - 1;

    accepted = 0;
    refused = 0;

    for (i = 0; i < 3 * n; i++) {
        job.said.len = sizeof(good_said) - 1 - (i / n == 2 ? i - 2 * n : 0);
        job.found.len = i < n ? i : n;

        if (job.said.len > sizeof(good_said)) {
            break;
        }

        said = malloc(job.said.len + 1);
        found = malloc(job.found.len + 1);

        memcpy(said, good_said, job.said.len);
        memcpy(found, good_found, job.found.len);

        if (i >= n && i < 2 * n) {
            found[i - n]++;
        }

        /* memory of the right size: the sanitizer sees what is behind it */

        job.said.data = realloc(said, job.said.len ? job.said.len : 1);
        job.found.data = realloc(found, job.found.len ? job.found.len : 1);

        answer = report(&job, 1, 1000);
        accepted += answer != NULL;
        refused += answer == NULL;
        free(answer);

        answer = messages_of(&job, 1, "4503599627370500", 1);
        free(answer);

        free((char *) job.said.data);
        free((char *) job.found.data);
    }

    ok(accepted > 10 && refused > 40, "hostile texts: %d accepted, %d refused",
       (int) accepted, (int) refused);
}


static void
test_times(void)
{
    char     text[DETECT_TIME_LEN];
    size_t   i;
    int64_t  ms, again;

    static const struct {
        const char  *text;
        int64_t      ms;
    } good[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "1969-12-31T23:59:59.999Z", -1 },
        { "2000-02-29T12:34:56.789Z", 951827696789 },
        { "2026-11-28T06:00+01:30", 1795840200000 },
        { "2026-11-28 06:00:00,5-0100", 1795849200500 },
        { "2016-12-31T23:59:60Z", 1483228800000 },
        { "0000-03-01T00:00:00Z", -62162035200000 },
        { "9999-12-31T23:59:59.9999999Z", 253402300799999 }
    };

    static const char  *bad[] = { "", "2026-11-28", "2026-13-01T00:00:00Z",
                                  "2026-11-28T06:00:00.Z",
                                  "2026-11-28T06:00:00Z ",
                                  "2026-11-28T06:00:00+1", "x" };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ms = 1;
        ok(detect_time_parse(good[i].text, strlen(good[i].text), &ms)
           && ms == good[i].ms, "%s is %lld", good[i].text, (long long) ms);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ok(!detect_time_parse(bad[i], strlen(bad[i]), &ms), "\"%s\" is none",
           bad[i]);
    }

    for (ms = -62167219200000; ms < 253402300800000; ms += 86399999 * 7) {
        detect_time_format(text, ms);

        if (!detect_time_parse(text, DETECT_TIME_LEN, &again) || again != ms) {
            break;
        }
    }

    ok(ms >= 253402300800000, "times of all years come back");
}


/* an index of many equal ids must not be slow: each would pass the others */

static void
test_ids(void)
{
    uint32_t           i, k, places;
    tracker_str_t      id = STR("4503599627370497");
    tracker_str_t      next = STR("4503599627370498");
    tracker_str_t      none = STR("4503599627370499");
    detect_trackers_t  trackers;

    memset(&trackers, 0, sizeof(trackers));

    for (i = 0; i < 1000; i++) {
        add(&trackers, id.data, "name", other, 1);
    }

    add(&trackers, next.data, "next", other, 1);
    compile(&trackers, 1);

    for (i = 0, places = 0; i <= trackers.index.mask; i++) {
        places += trackers.index.slots[i] != 0;
    }

    ok(places == 2, "trackers with one id take one place of the index");

    ok(detect_trackers_find(&trackers, &id, &k) && k == 0
       && detect_trackers_find(&trackers, &next, &k) && k == 1000
       && !detect_trackers_find(&trackers, &none, &k),
       "the first of them is found, others as well");

    detect_trackers_free(&trackers);
}


int
main(void)
{
    test_texts((size_t) -1);
    test_texts(1);
    test_similar((size_t) -1);
    test_similar(1);
    test_order();
    test_ids();
    test_hostile();
    test_times();

    detect_stem_exit();

    return tap_done();
}
