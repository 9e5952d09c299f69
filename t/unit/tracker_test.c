/* The domain alone: ids, validation and messages built by hand. */


#include "tracker/fault.h"
#include "tap.h"


#define MANY  5000


static tap_arena_t        memory;
static tracker_arena_t    arena = { tap_arena_alloc, &memory };
static tracker_limits_t   limits = { 0, 0, 1 };
static tracker_message_t  message;
static tracker_str_t      phrases[MANY];
static char               bytes[MANY][32];


static tracker_str_t
str(const char *text)
{
    tracker_str_t  s;

    s.len = strlen(text);
    s.data = text;

    return s;
}


/* a tracker with n phrases, no two alike, of equal length */

static tracker_t
tracker_of(size_t n)
{
    size_t     i;
    tracker_t  t;

    memset(&t, 0, sizeof(t));
    t.name = str("N");
    t.vocabulary.n = n;
    t.vocabulary.elts = phrases;

    for (i = 0; i < n; i++) {
        phrases[i].len = sprintf(bytes[i], "phrase %06u", (unsigned) i);
        phrases[i].data = bytes[i];
    }

    return t;
}


static void
is_fault(const tracker_t *t, long index, const char *expected,
    const char *title)
{
    tracker_rc_e  rc;

    tap_arena_reset(&memory, 0);
    message.len = 0;

    rc = tracker_validate(t, index, &limits, &arena, &message);

    if (expected == NULL) {
        ok(rc == TRACKER_OK, "%s", title);
        return;
    }

    is(message.data, rc == TRACKER_INVALID ? message.len : 0, expected,
       title);
}


static void
test_ids(void)
{
    char  id[TRACKER_ID_LEN];

    tracker_id_format(id, 0);
    is(id, sizeof(id), "4503599627370496", "the smallest id is 2^52");

    tracker_id_format(id, UINT64_MAX);
    is(id, sizeof(id), "9007199254740991", "the largest id is 2^53 - 1");

    tracker_id_format(id, (uint64_t) 1 << 52);
    is(id, sizeof(id), "4503599627370496",
       "bits above the low 52 are not looked at");

    tracker_id_format(id, 1);
    is(id, sizeof(id), "4503599627370497", "the lowest bit counts");

    ok(tracker_id_valid("4503599627370497", 16), "16 digits are an id");
    ok(!tracker_id_valid("4503599627370497", 15), "15 digits are none");
    ok(!tracker_id_valid("45035996273704970", 17), "17 digits are none");
    ok(!tracker_id_valid("", 0), "nothing is no id");
    ok(!tracker_id_valid("450359962737049/", 16), "the byte before 0");
    ok(!tracker_id_valid("450359962737049:", 16), "the byte after 9");
    ok(!tracker_id_valid("-503599627370497", 16), "a sign is no digit");
}


static int
compare_ids(const void *one, const void *two)
{
    return memcmp(one, two, TRACKER_ID_LEN);
}


/* of n random numbers: those of the generator that is given */

static void
are_distinct(uint64_t (*next)(size_t i), const char *title)
{
    size_t           i, equal, valid;
    static char      ids[MANY][TRACKER_ID_LEN];
    static uint64_t  random[MANY];

    for (i = 0; i < MANY; i++) {
        random[i] = next(i);
    }

    tracker_ids_format(ids[0], random, MANY);
    qsort(ids, MANY, TRACKER_ID_LEN, compare_ids);

    equal = 0;
    valid = 0;

    for (i = 0; i < MANY; i++) {
        valid += tracker_id_valid(ids[i], TRACKER_ID_LEN) && ids[i][0] >= '4';
        equal += i && memcmp(ids[i], ids[i - 1], TRACKER_ID_LEN) == 0;
    }

    ok(equal == 0, "%s: no two ids are equal", title);
    ok(valid == MANY, "%s: all are ids", title);
}


static uint64_t
zero(size_t i)
{
    (void) i;

    return 0;
}


static uint64_t
largest(size_t i)
{
    (void) i;

    return UINT64_MAX;
}


static uint64_t
falling(size_t i)
{
    return (uint64_t) 1 << 40 | (MANY - i);
}


static void
test_many_ids(void)
{
    char      id[TRACKER_ID_LEN], one[TRACKER_ID_LEN];
    uint64_t  random;

    are_distinct(zero, "zeros");
    are_distinct(largest, "ones");
    are_distinct(falling, "numbers that fall as ids rise");

    random = UINT64_MAX / 3;
    tracker_ids_format(id, &random, 1);
    tracker_id_format(one, random);
    ok(memcmp(id, one, sizeof(id)) == 0, "one id has all of its number");
}


static void
test_required(void)
{
    tracker_t  t;

    t = tracker_of(1);
    is_fault(&t, -1, NULL, "a name and one phrase are enough");

    t.name.data = NULL;
    is_fault(&t, -1, "\"name\" is required", "absent name");
    is_fault(&t, 4, "\"[4].name\" is required", "absent name in a bulk");

    t.name = str("");
    is_fault(&t, -1, "\"name\" is not allowed to be empty", "empty name");

    t = tracker_of(0);
    is_fault(&t, -1, "\"vocabulary\" is not allowed to be empty",
             "empty vocabulary");

    t.vocabulary.elts = NULL;
    is_fault(&t, -1, "\"vocabulary\" is required", "absent vocabulary");

    t = tracker_of(9);
    phrases[2] = str("");
    is_fault(&t, -1, "\"vocabulary[2]\" is not allowed to be empty",
             "empty phrase");
    is_fault(&t, 0, "\"[0].vocabulary[2]\" is not allowed to be empty",
             "empty phrase in a bulk");
}


static void
test_limits(void)
{
    tracker_t  t;

    limits.max_phrases = 50;
    limits.min_phrases = 5;

    t = tracker_of(50);
    is_fault(&t, -1, NULL, "as many phrases as the limit");

    t = tracker_of(51);
    is_fault(&t, -1,
             "\"vocabulary\" must contain at most 50 phrases, found 51",
             "one phrase over the limit");
    is_fault(&t, 2,
             "\"[2].vocabulary\" must contain at most 50 phrases, found 51",
             "the same in a bulk");

    t = tracker_of(5);
    is_fault(&t, -1, NULL, "as few phrases as the limit");

    t = tracker_of(3);
    is_fault(&t, -1,
             "\"vocabulary\" must contain at least 5 phrases, found 3",
             "under the limit");

    limits.max_phrases = 1;
    limits.min_phrases = 1;

    t = tracker_of(2);
    is_fault(&t, -1,
             "\"vocabulary\" must contain at most 1 phrase, found 2",
             "a limit of one is singular");

    limits.max_phrases = 0;

    t = tracker_of(MANY);
    is_fault(&t, -1, NULL, "no limit");
}


/*
 * All places of a duplicate in vocabularies on both sides of the size at which
 * sorting begins: the lowest index that repeats must come out.
 */

static void
test_duplicates(void)
{
    char       expected[80];
    size_t     n, i, k, wrong;
    tracker_t  t;

    wrong = 0;

    for (n = 2; n <= 70; n += n < 40 ? 1 : 10) {
        for (i = 1; i < n; i++) {
            for (k = 0; k < i; k++) {
                t = tracker_of(n);

                phrases[i] = phrases[k];
                phrases[n - 1] = phrases[0];

                tap_arena_reset(&memory, 0);

                if (tracker_validate(&t, -1, &limits, &arena, &message)
                    != TRACKER_INVALID)
                {
                    wrong++;
                    continue;
                }

                sprintf(expected, "\"vocabulary[%zu]\" contains a duplicate "
                        "value", i);

                wrong += message.len != strlen(expected)
                         || memcmp(message.data, expected, message.len) != 0;
            }
        }
    }

    ok(wrong == 0, "the lowest duplicate, %zu wrong", wrong);

    t = tracker_of(MANY);
    phrases[MANY - 1] = phrases[MANY / 2];
    is_fault(&t, 3, "\"[3].vocabulary[4999]\" contains a duplicate value",
             "one duplicate among many, in a bulk");

    t = tracker_of(4);
    phrases[0] = str("A");
    phrases[1] = str("a");
    phrases[2] = str("A ");
    phrases[3] = str("\xc3\x85");
    is_fault(&t, -1, NULL, "case, blanks and look-alikes make a difference");

    t = tracker_of(40);
    phrases[7].len = 5;
    phrases[8].len = 6;
    is_fault(&t, -1, NULL, "a phrase that begins another is not a duplicate");
}


/* a step of the hash by which src/tracker/duplicate.c sorts strings */

static uint64_t
hash_step(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15;

    return hash ^ hash >> 32;
}


/* an attacker's phrases: all different, all of one length and one hash */

static tracker_t
tracker_of_collisions(void)
{
    size_t     i;
    uint64_t   words[2];
    tracker_t  t;

    t = tracker_of(MANY);

    for (i = 0; i < MANY; i++) {
        words[0] = i * 0x100000001;
        words[1] = hash_step(sizeof(words), words[0]) ^ 0x5555;

        memcpy(bytes[i], words, sizeof(words));
        phrases[i].len = sizeof(words);
    }

    return t;
}


static void
test_collisions(void)
{
    uint64_t   words[2];
    tracker_t  t;

    t = tracker_of_collisions();

    is_fault(&t, -1, NULL, "phrases that share a hash are not duplicates");

    /* one that begins with another and has its hash all the same */

    memcpy(words, bytes[0], sizeof(words));
    memcpy(bytes[1], words, sizeof(words));
    words[0] = hash_step(hash_step(24, words[0]), words[1]) ^ 0x5555;
    memcpy(bytes[1] + 16, words, sizeof(words[0]));
    phrases[1].len = 24;
    is_fault(&t, -1, NULL, "nor are those of another length");

    phrases[4321] = phrases[17];
    phrases[4322] = phrases[16];
    is_fault(&t, -1, "\"vocabulary[4321]\" contains a duplicate value",
             "a duplicate among phrases that share a hash");
}


static void
test_names(void)
{
    size_t         i;
    tracker_rc_e   rc;
    tracker_set_t  set;
    tracker_t      elts[60];

    memset(elts, 0, sizeof(elts));
    tracker_of(60);

    set.bulk = 1;
    set.elts = elts;

    for (i = 0; i < 60; i++) {
        elts[i].name = phrases[i];
    }

    for (set.n = 1; set.n <= 60; set.n++) {
        tap_arena_reset(&memory, 0);
        if (tracker_validate_names(&set, &arena, &message) != TRACKER_OK) {
            break;
        }
    }

    ok(set.n == 61, "names that differ, up to 60 trackers");

    for (set.n = 6; set.n <= 60; set.n += 54) {
        elts[5].name = elts[2].name;
        elts[set.n - 1].name = elts[2].name;

        tap_arena_reset(&memory, 0);
        rc = tracker_validate_names(&set, &arena, &message);

        is(message.data, rc == TRACKER_REPEATED ? message.len : 0,
           "\"[5].name\" repeats the name of \"[2]\".", "repeated name");
    }
}


static void
test_no_memory(void)
{
    size_t            i, k, sorted;
    tracker_t         t;
    tracker_set_t     set;
    static tracker_t  elts[MANY];

    t = tracker_of(MANY);

    tap_arena_reset(&memory, 1);
    ok(tracker_validate(&t, -1, &limits, &arena, &message)
       == TRACKER_NOMEM, "no memory for a table of phrases");

    set.n = MANY;
    set.elts = elts;

    tap_arena_reset(&memory, 1);
    ok(tracker_validate_names(&set, &arena, &message) == TRACKER_NOMEM,
       "no memory for a table of names");

    t = tracker_of_collisions();

    for (i = 1; i <= 2; i++) {
        tap_arena_reset(&memory, i);
        ok(tracker_validate(&t, -1, &limits, &arena, &message)
           == TRACKER_NOMEM, "no memory to sort phrases, allocation %zu", i);
    }

    tap_arena_reset(&memory, 1);
    t = tracker_of(400);
    ok(tracker_validate(&t, -1, &limits, &arena, &message) == TRACKER_OK
       && memory.memory.calls == 0, "hundreds of phrases need no memory");

    /* wherever they differ; the sort would ask for some */

    sorted = 0;

    for (k = 1; k < 24; k++) {

        for (i = 0; i < 400; i++) {
            memset(bytes[i], 'x', 24);
            bytes[i][k - 1] = 'A' + i / 20;
            bytes[i][k] = 'A' + i % 20;
            phrases[i].len = k < 8 ? 8 : k < 13 ? 13 : 24;
        }

        tap_arena_reset(&memory, 1);
        sorted += tracker_validate(&t, -1, &limits, &arena, &message)
                  != TRACKER_OK;
    }

    ok(sorted == 0, "nor do they when they differ in two bytes only");
}


static void
test_quote(void)
{
    size_t         i, len;
    char           text[600], expected[600];
    tracker_str_t  s;

    static const char  *chars[] = { "a", "\xc3\xa9", "\xe2\x82\xac",
                                    "\xf0\x9f\x98\x80" };

    for (i = 0; i < 4; i++) {
        len = strlen(chars[i]);

        for (s.len = 0; s.len < 100 * len; s.len += len) {
            memcpy(text + s.len, chars[i], len);
        }

        s.data = text;

        tracker_message(&message, "%s", "");
        tracker_message_quote(&message, &s);
        ok(message.len == s.len && memcmp(message.data, text, s.len) == 0,
           "100 characters of %zu bytes stay whole", len);

        memcpy(expected, text, s.len);
        memcpy(expected + s.len, "...", 4);

        memcpy(text + s.len, chars[i], len);
        s.len += len;

        tracker_message(&message, "%s", "");
        tracker_message_quote(&message, &s);
        is(message.data, message.len, expected, "the 101st is cut");
    }
}


/* what does not fit is cut between characters, and nothing is written over */

static void
test_full(void)
{
    size_t         start;
    tracker_str_t  s;

    s.data = "\xf0\x9f\x98\x80\xf0\x9f\x98\x80";
    s.len = 8;

    for (start = 0; start < 4; start++) {
        tracker_message(&message, "%.*s", (int) start, "xxx");

        while (message.len + s.len < TRACKER_MESSAGE_MAX) {
            tracker_message_quote(&message, &s);
        }

        tracker_message_quote(&message, &s);

        ok(message.len < TRACKER_MESSAGE_MAX
           && (message.len - start - 3) % 4 == 0
           && memcmp(message.data + message.len - 3, "...", 3) == 0,
           "a quote cut by a message full at %zu bytes", message.len);

        tracker_message_quote(&message, &s);
        tracker_message_quote(&message, &s);
        ok(message.len < TRACKER_MESSAGE_MAX, "and no byte further");
    }

    tracker_message(&message, "%*s", 2 * TRACKER_MESSAGE_MAX, "x");
    ok(message.len == TRACKER_MESSAGE_MAX - 1, "a long sentence is cut");
}


/* what the message is about points to the same value */

static void
test_pointer(void)
{
    char           long_key[TRACKER_POINTER_MAX + 20];
    size_t         len;
    tracker_str_t  key;

    static const tracker_str_t  list = tracker_str("trackers");

#define points_to(expected, title)                                            \
    ok(message.pointed, title ", it is known");                               \
    is(message.pointer, message.pointer_len, expected, title)

    tracker_message_fault(&message, -1, NULL, -1, TRACKER_FAULT_NOT_OBJECT);
    points_to("", "the body");

    tracker_message(&message, "a sentence");
    ok(!message.pointed, "a sentence points nowhere");

    tracker_message_fault(&message, 12, NULL, -1, TRACKER_FAULT_NOT_OBJECT);
    points_to("/12", "an element");

    key = str("vocabulary");
    tracker_message_fault(&message, 0, &key, 103, TRACKER_FAULT_NOT_STRING);
    points_to("/0/vocabulary/103", "an element of a list");

    tracker_message_prefix(&message, &list);
    points_to("/trackers/0/vocabulary/103", "with a prefix");

    key = str("payload.content");
    tracker_message_fault(&message, 1, &key, -1, TRACKER_FAULT_REQUIRED);
    points_to("/1/payload/content", "keys within keys");

    tracker_message_line(&message, 9);
    points_to("/1/payload/content", "in a line");

    tracker_message(&message, "a sentence");
    tracker_message_line(&message, 9);
    ok(!message.pointed, "a sentence about a line");

    key = str("a.b/c~d");
    tracker_message_fault(&message, -1, &key, -1, TRACKER_FAULT_NOT_ALLOWED);
    points_to("/a.b~1c~0d", "a client's key");

    tracker_message_at(&message, 3, &key, -1);
    points_to("/3/a.b~1c~0d", "set alone");

    tracker_message_fault(&message, 5, &key, -1, TRACKER_FAULT_NOT_ALLOWED);
    message.pointer_len = TRACKER_POINTER_MAX - list.len;
    tracker_message_prefix(&message, &list);
    ok(!message.pointed, "no room for a prefix");

    /* the slash, and always room for an escape */

    memset(long_key, 'k', sizeof(long_key));
    key.data = long_key;

    for (len = TRACKER_POINTER_MAX - 6; len < sizeof(long_key); len++) {
        key.len = len;
        long_key[len - 1] = '/';
        tracker_message_fault(&message, 7, &key, 2, TRACKER_FAULT_NOT_ALLOWED);

        ok(message.pointed
           && (message.pointer_len == 2
               || (message.pointer_len > len && message.pointer_len
                                                <= TRACKER_POINTER_MAX
                   && len <= TRACKER_POINTER_MAX - 3)),
           "a key of %zu bytes, a pointer of %zu", len, message.pointer_len);

        long_key[len - 1] = 'k';
    }

    ok(message.pointer_len == 2 && memcmp(message.pointer, "/7", 2) == 0,
       "a key that does not fit: what has it");
}


static void
test_conflict(void)
{
    char                names[12][4], *p;
    size_t              i;
    tracker_t           elts[12];
    tracker_set_t       set;
    tracker_conflict_t  at[12];

    static char    widest[12][405], expected[TRACKER_MESSAGE_MAX];

    memset(elts, 0, sizeof(elts));

    set.n = 12;
    set.elts = elts;
    set.bulk = 1;

    for (i = 0; i < 12; i++) {
        names[i][0] = 'A' + i;
        names[i][1] = '\0';
        elts[i].name = str(names[i]);
    }

    at[0].place = 3;

    tracker_conflict_message(&message, &set, at, 1, 1);
    is(message.data, message.len, "Tracker with name \"D\" already exists.",
       "one name of a bulk");

    set.bulk = 0;
    at[0].place = 0;
    tracker_conflict_message(&message, &set, at, 1, 1);
    is(message.data, message.len, "Tracker with name \"A\" already exists.",
       "one object");

    set.bulk = 1;
    at[0].place = 1;
    at[1].place = 4;
    tracker_conflict_message(&message, &set, at, 2, 2);
    is(message.data, message.len, "Trackers with these names already exist: "
       "\"B\" at [1], \"E\" at [4].", "two names");

    tracker_conflict_message(&message, &set, at, 2, 9);
    is(message.data, message.len, "Trackers with these names already exist: "
       "\"B\" at [1], \"E\" at [4] and 7 more.", "two of nine");

    for (i = 0; i < 12; i++) {
        at[i].place = i;
    }

    tracker_conflict_message(&message, &set, at, 12, 12);
    is(message.data, message.len, "Trackers with these names already exist: "
       "\"A\" at [0], \"B\" at [1], \"C\" at [2], \"D\" at [3], "
       "\"E\" at [4], \"F\" at [5], \"G\" at [6], \"H\" at [7], "
       "\"I\" at [8], \"J\" at [9] and 2 more.", "ten are named");

    tracker_conflict_message(&message, &set, at, 11, 11);
    ok(message.len > 11 && memcmp(message.data + message.len - 12,
                                  " and 1 more.", 12) == 0,
       "ten of eleven");

    /* the longest sentence that there is */

    p = expected;
    p += sprintf(p, "Trackers with these names already exist:");

    for (i = 0; i < 12; i++) {
        while (strlen(widest[i]) < 404) {
            strcat(widest[i], "\xf0\x9f\x98\x80");
        }

        elts[i].name = str(widest[i]);

        if (i < 10) {
            p += sprintf(p, "%s \"%.400s...\" at [%zu]", i ? "," : "",
                         widest[i], i);
        }
    }

    sprintf(p, " and 9999990 more.");

    tracker_conflict_message(&message, &set, at, 12, 10000000);
    is(message.data, message.len, expected, "ten names of 101 wide ones fit");
}


int
main(void)
{
    test_ids();
    test_many_ids();
    test_required();
    test_limits();
    test_duplicates();
    test_collisions();
    test_names();
    test_no_memory();
    test_quote();
    test_full();
    test_pointer();
    test_conflict();

    tap_arena_reset(&memory, 0);
    ok(memory.memory.live == 0, "nothing is left over");

    return tap_done();
}
