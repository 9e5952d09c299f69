/* Operations and what they make of a tracker, built by hand. */


#include "tracker/tracker.h"
#include "tracker/patch.h"
#include "tap.h"


typedef struct {
    const char        *op;
    const char        *path;
    const char        *value;       /* of a list: its strings, by commas, or
                                       one string, behind a quote */
} step_t;


typedef struct {
    const char        *title;
    const char        *result;      /* as show() writes it, or the message */
    step_t             steps[6];
} case_t;


static tap_arena_t            memory;
static tracker_arena_t        arena = { tap_arena_alloc, &memory };
static tracker_limits_t       limits = { 0, 0, 1 };
static tracker_message_t      message;
static tracker_patch_step_t   steps[6];


static tracker_str_t
str(const char *text)
{
    tracker_str_t  s;

    s.len = text ? strlen(text) : 0;
    s.data = text;

    return s;
}


static tracker_list_t
list(const char *text)
{
    size_t          len;
    tracker_list_t  l;

    l.n = 0;
    l.elts = tap_arena_alloc(&memory, 8 * sizeof(tracker_str_t));

    if (l.elts == NULL) {
        exit(1);
    }

    while (*text) {
        len = strcspn(text, ",");
        l.elts[l.n].data = text;
        l.elts[l.n++].len = len;
        text += len + (text[len] == ',');
    }

    return l;
}


static tracker_t
tracker_of(const char *vocabulary)
{
    tracker_t  t;

    memset(&t, 0, sizeof(t));
    t.id = str("4503599627370496");
    t.name = str("N");
    t.categories = list("c");
    t.vocabulary = list(vocabulary);

    return t;
}


static void
show_list(char **p, const char *key, const tracker_list_t *l)
{
    size_t  i;

    if (l->elts == NULL) {
        return;
    }

    *p += sprintf(*p, " %s=", key);

    for (i = 0; i < l->n; i++) {
        *p += sprintf(*p, "%s%.*s", i ? "," : "", (int) l->elts[i].len,
                      l->elts[i].data);
    }
}


static const char *
show(const tracker_t *t)
{
    char         *p;
    static char   text[1000];

    p = text + sprintf(text, "%.*s", (int) t->name.len, t->name.data);

    if (t->description.data) {
        p += sprintf(p, " d=%.*s", (int) t->description.len,
                     t->description.data);
    }

    show_list(&p, "c", &t->categories);
    show_list(&p, "l", &t->languages);
    show_list(&p, "v", &t->vocabulary);

    return text;
}


static tracker_rc_e
read_step(tracker_patch_step_t *step, size_t i, const char *op,
    const char *path)
{
    tracker_str_t  o, p;

    o = str(op);
    p = str(path);

    return tracker_patch_step(step, i, &o, &p, &message);
}


/* is path, one of test_steps(), what step is for? */

static int
target_is(const tracker_patch_step_t *step, const char *path)
{
    char  last;

    last = path[strlen(path) - 1];

    if (strncmp(path, "/vocabulary/", 12) == 0) {
        return step->field == &tracker_fields[TRACKER_FIELD_VOCABULARY]
               && step->target == (last == '-' ? TRACKER_PATCH_END
                                               : TRACKER_PATCH_PHRASE);
    }

    return step->target == TRACKER_PATCH_FIELD
           && strcmp(step->field->name.data, path + 1) == 0;
}


static void
test_steps(void)
{
    size_t                i, k;
    tracker_patch_step_t  step;

    static const char  *ops[] = { "add", "replace", "remove", "test" };
    static const char  *paths[] = { "/name", "/description", "/categories",
                                    "/languages", "/vocabulary",
                                    "/vocabulary/170", "/vocabulary/-" };

    for (i = 0; i < 4; i++) {
        for (k = 0; k < 7; k++) {
            if (i > 0 && k == 6) {
                continue;
            }

            memset(&step, 0xff, sizeof(step));

            ok(read_step(&step, 0, ops[i], paths[k]) == TRACKER_OK
               && step.op == i && target_is(&step, paths[k])
               && step.index == (k == 5 ? 170 : 0)
               && step.str.data == NULL && step.list.elts == NULL,
               "%s %s", ops[i], paths[k]);
        }
    }

    ok(read_step(&step, 0, "add", "/vocabulary/0") == TRACKER_OK
       && step.target == TRACKER_PATCH_PHRASE && step.index == 0,
       "0 is no leading zero");

    ok(read_step(&step, 0, "add", "/vocabulary/18446744073709551616")
       == TRACKER_OK && step.index > SIZE_MAX / 16,
       "a number that does not fit stays large");
}


static void
test_bad_steps(void)
{
    size_t                i;
    tracker_rc_e          rc;
    tracker_patch_step_t  step;

    static const char  no_op[] = "\"[7].op\" must be one of \"add\", "
                                 "\"replace\", \"remove\", \"test\"";
    static const char  no_path[] =
        "\"[7].path\" must be one of \"/name\", \"/description\", "
        "\"/categories\", \"/languages\", \"/vocabulary\", "
        "\"/vocabulary/-\", \"/vocabulary/INDEX\"";
    static const char  no_end[] = "\"[7].path\" must have an index, \"-\" "
                                  "is for \"add\" only";
    static const char  zeros[] = "\"[7].path\" must have an index without "
                                 "leading zeros";

    static const struct {
        const char   *op;
        const char   *path;
        const char   *message;
    } bad[] = {
        { "move", "/name", no_op },
        { "copy", "/vocabulary/0", no_op },
        { "tests", "/name", no_op },
        { "Add", "/name", no_op },
        { "adds", "/name", no_op },
        { "", "/name", no_op },
        { "add", "", no_path },
        { "add", "/", no_path },
        { "add", "name", no_path },
        { "add", "/Name", no_path },
        { "add", "/id", no_path },
        { "remove", "/id", no_path },
        { "add", "/name/", no_path },
        { "add", "/name/0", no_path },
        { "add", "/categories/0", no_path },
        { "add", "/languages/-", no_path },
        { "add", "/vocabulary/", no_path },
        { "add", "/vocabulary/x", no_path },
        { "add", "/vocabulary/1x", no_path },
        { "add", "/vocabulary/01x", no_path },
        { "add", "/vocabulary/1/", no_path },
        { "add", "/vocabulary/-1", no_path },
        { "add", "/vocabulary/+1", no_path },
        { "add", "/vocabulary/--", no_path },
        { "add", "/vocabulary/ 1", no_path },
        { "add", "/vocabulary/1.0", no_path },
        { "add", "/vocabulary/\xd9\xa1", no_path },
        { "add", "/vocabularyx", no_path },
        { "add", "/vocabulary/00", zeros },
        { "replace", "/vocabulary/01", zeros },
        { "remove", "/vocabulary/0123456789", zeros },
        { "replace", "/vocabulary/-", no_end },
        { "remove", "/vocabulary/-", no_end },
        { "test", "/vocabulary/-", no_end },
        { "test", "/vocabulary/01", zeros },
        { "test", "/id", no_path },
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        rc = read_step(&step, 7, bad[i].op, bad[i].path);

        is(message.data, rc == TRACKER_INVALID ? message.len : 0,
           bad[i].message, bad[i].path);
    }
}


/* by the types of values: a string, an array, anything else */

static void
test_misfits(void)
{
    size_t                i, k, type;
    tracker_fault_e       got, wanted;
    tracker_patch_step_t  step;

    static const char  *ops[] = { "add", "replace", "test" };
    static const char  *paths[] = { "/name", "/description",
                                    "/vocabulary/3", "/vocabulary/-",
                                    "/categories", "/languages",
                                    "/vocabulary" };

    for (i = 0; i < 3; i++) {
        for (k = 0; k < 7; k++) {

            if (read_step(&step, 0, ops[i], paths[k]) != TRACKER_OK) {
                continue;
            }

            for (type = 0; type < 3; type++) {
                wanted = k < 4 ? type == 0 ? 0 : TRACKER_FAULT_NOT_STRING
                       : type == 1 || (type == 0 && i < 2) ? 0
                       : i < 2 ? TRACKER_FAULT_NOT_LIST
                       : TRACKER_FAULT_NOT_ARRAY;

                got = tracker_patch_misfit(&step, type == 0, type == 1);

                ok(got == wanted, "%s %s: fault %d", ops[i], paths[k], wanted);
            }
        }
    }
}


/* all of them start from: N c=c v=a,b,c */

static const case_t  cases[] = {

    { "every key is set", "M d=text c=x,y l=en v=p,q",
      { { "replace", "/name", "M" }, { "add", "/description", "text" },
        { "replace", "/categories", "x,y" }, { "add", "/languages", "en" },
        { "replace", "/vocabulary", "p,q" } } },

    { "an absent key can be replaced", "N d=text c=c l= v=a,b,c",
      { { "replace", "/description", "text" },
        { "replace", "/languages", "" } } },

    { "add sets what is there already", "M c= v=a,b,c",
      { { "add", "/name", "M" }, { "add", "/categories", "" } } },

    { "an optional key is removed", "N v=a,b,c",
      { { "remove", "/categories", NULL } } },

    { "an empty description is there, and can be removed", "N c=c v=a,b,c",
      { { "add", "/description", "" }, { "remove", "/description", NULL } } },

    { "an absent one is not", "\"[0].path\" does not exist",
      { { "remove", "/description", NULL } } },

    { "nor is an absent list", "\"[1].path\" does not exist",
      { { "remove", "/categories", NULL },
        { "remove", "/categories", NULL } } },

    { "the name is required", "\"name\" is required",
      { { "remove", "/name", NULL } } },

    { "at the end only", "M c=c v=a,b,c",
      { { "remove", "/name", NULL }, { "add", "/name", "M" } } },

    { "so is the vocabulary", "\"vocabulary\" is required",
      { { "remove", "/vocabulary", NULL } } },

    { "which has no place for a phrase then", "\"[1].path\" does not exist",
      { { "remove", "/vocabulary", NULL }, { "add", "/vocabulary/-", "d" } } },

    { "not even the first", "\"[2].path\" does not exist",
      { { "remove", "/vocabulary/0", NULL }, { "remove", "/vocabulary", NULL },
        { "add", "/vocabulary/0", "d" } } },

    { "an empty name", "\"name\" is not allowed to be empty",
      { { "replace", "/name", "" } } },

    { "- is behind the last", "N c=c v=a,b,c,d,e",
      { { "add", "/vocabulary/-", "d" }, { "add", "/vocabulary/-", "e" } } },

    { "so is an index equal to the length", "N c=c v=a,b,c,d,e",
      { { "add", "/vocabulary/3", "d" }, { "add", "/vocabulary/4", "e" } } },

    { "an index inserts before its phrase", "N c=c v=d,a,e,b,c",
      { { "add", "/vocabulary/0", "d" }, { "add", "/vocabulary/2", "e" } } },

    { "replace and remove", "N c=c v=d,c",
      { { "replace", "/vocabulary/0", "d" },
        { "remove", "/vocabulary/1", NULL } } },

    { "indices are those at the operation's turn", "N c=c v=d",
      { { "remove", "/vocabulary/0", NULL },
        { "remove", "/vocabulary/0", NULL },
        { "replace", "/vocabulary/0", "d" } } },

    { "add beyond the end",
      "\"[1].path\" is beyond the end of a vocabulary of 4 phrases",
      { { "add", "/vocabulary/0", "d" }, { "add", "/vocabulary/5", "e" } } },

    { "replace at the end",
      "\"[0].path\" is beyond the end of a vocabulary of 3 phrases",
      { { "replace", "/vocabulary/3", "d" } } },

    { "remove at the end",
      "\"[2].path\" is beyond the end of a vocabulary of 1 phrase",
      { { "remove", "/vocabulary/2", NULL },
        { "remove", "/vocabulary/0", NULL },
        { "remove", "/vocabulary/1", NULL } } },

    { "far beyond",
      "\"[0].path\" is beyond the end of a vocabulary of 3 phrases",
      { { "add", "/vocabulary/99999999999999999999999999", "d" } } },

    { "all phrases removed", "\"vocabulary\" is not allowed to be empty",
      { { "remove", "/vocabulary/2", NULL },
        { "remove", "/vocabulary/1", NULL },
        { "remove", "/vocabulary/0", NULL } } },

    { "and then nothing is left to remove",
      "\"[3].path\" is beyond the end of a vocabulary of 0 phrases",
      { { "remove", "/vocabulary/0", NULL },
        { "remove", "/vocabulary/0", NULL },
        { "remove", "/vocabulary/0", NULL },
        { "remove", "/vocabulary/0", NULL } } },

    { "but one can be added again", "N c=c v=d",
      { { "remove", "/vocabulary/0", NULL },
        { "remove", "/vocabulary/0", NULL },
        { "remove", "/vocabulary/0", NULL },
        { "add", "/vocabulary/0", "d" } } },

    { "also to an empty list", "N c=c v=e,d",
      { { "replace", "/vocabulary", "" }, { "add", "/vocabulary/-", "d" },
        { "add", "/vocabulary/0", "e" } } },

    { "an empty list that stays", "\"vocabulary\" is not allowed to be empty",
      { { "replace", "/vocabulary", "" } } },

    { "the whole list after its phrases", "N c=c v=x,y,z",
      { { "add", "/vocabulary/0", "d" }, { "replace", "/vocabulary", "x,z" },
        { "add", "/vocabulary/1", "y" } } },

    { "and as the last word", "N c=c v=x",
      { { "add", "/vocabulary/0", "d" }, { "add", "/vocabulary", "x" } } },

    { "a repeat on the way does no harm", "N c=c v=c,a",
      { { "add", "/vocabulary/0", "c" }, { "remove", "/vocabulary/2", NULL },
        { "remove", "/vocabulary/2", NULL } } },

    { "at the end it does", "\"vocabulary[3]\" contains a duplicate value",
      { { "add", "/vocabulary/0", "c" } } },

    { "an empty phrase", "\"vocabulary[1]\" is not allowed to be empty",
      { { "add", "/vocabulary/1", "" } } },

    /* a string for a list */

    { "a string is appended", "N c=c,x,y l= v=a,b,c,d",
      { { "add", "/categories", "'x" }, { "add", "/vocabulary", "'d" },
        { "add", "/categories", "'y" }, { "add", "/languages", "" } } },

    { "to none it makes a list of one", "N c=c l=en,de v=a,b,c",
      { { "add", "/languages", "'en" }, { "add", "/languages", "'de" } } },

    { "also to one that was removed", "N c=x v=d",
      { { "remove", "/categories", NULL }, { "add", "/categories", "'x" },
        { "remove", "/vocabulary", NULL }, { "add", "/vocabulary", "'d" } } },

    { "an empty one, and a repeat", "N c=c,,c v=a,b,c",
      { { "add", "/categories", "'" }, { "add", "/categories", "'c" } } },

    { "not twice in a vocabulary",
      "\"vocabulary[3]\" contains a duplicate value",
      { { "add", "/vocabulary", "'a" } } },

    { "a string replaces a list by a list of one", "N c=x l=en v=d",
      { { "replace", "/categories", "'x" }, { "replace", "/languages", "'en" },
        { "replace", "/vocabulary", "'d" } } },

    { "whatever was done to it", "N c=y,z l=fr v=d,e",
      { { "add", "/categories", "'x" }, { "replace", "/categories", "'y" },
        { "add", "/categories", "'z" }, { "replace", "/languages", "'fr" },
        { "replace", "/vocabulary", "'d" }, { "add", "/vocabulary/1", "e" } } },

    { "a removed vocabulary cannot be replaced",
      "\"[1].path\" does not exist",
      { { "remove", "/vocabulary", NULL },
        { "replace", "/vocabulary", "'d" } } },

    { "an array after a string", "N c=p,q v=a,b,c",
      { { "add", "/categories", "'x" }, { "add", "/categories", "p,q" } } },

    { "a list removed after a string", "N v=a,b,c",
      { { "add", "/categories", "'x" }, { "remove", "/categories", NULL } } },

    /* tests */

    { "tests that hold change nothing", "N c=c v=a,b,c",
      { { "test", "/name", "N" }, { "test", "/categories", "c" },
        { "test", "/vocabulary", "a,b,c" }, { "test", "/vocabulary/0", "a" },
        { "test", "/vocabulary/2", "c" } } },

    { "a test sees what was done before", "M d= c=c,x v=d,b,c",
      { { "add", "/description", "" }, { "test", "/description", "" },
        { "replace", "/name", "M" }, { "test", "/name", "M" },
        { "replace", "/vocabulary/0", "d" },
        { "add", "/categories", "'x" } } },

    { "in lists too", "N c=c,x v=d,a,b",
      { { "add", "/vocabulary/0", "d" }, { "remove", "/vocabulary/3", NULL },
        { "test", "/vocabulary", "d,a,b" }, { "test", "/vocabulary/1", "a" },
        { "add", "/categories", "'x" }, { "test", "/categories", "c,x" } } },

    { "and goes on", "N c=c v=a,c,d",
      { { "add", "/vocabulary/-", "d" }, { "test", "/vocabulary", "a,b,c,d" },
        { "remove", "/vocabulary/1", NULL },
        { "test", "/vocabulary", "a,c,d" } } },

    { "another name", "=\"[1].value\" does not equal \"/name\"",
      { { "replace", "/name", "M" }, { "test", "/name", "N" } } },

    { "the beginning of one", "=\"[0].value\" does not equal \"/name\"",
      { { "test", "/name", "" } } },

    { "case matters", "=\"[0].value\" does not equal \"/name\"",
      { { "test", "/name", "n" } } },

    { "a list with one less",
      "=\"[0].value\" does not equal \"/vocabulary\"",
      { { "test", "/vocabulary", "a,b" } } },

    { "with one more", "=\"[0].value\" does not equal \"/vocabulary\"",
      { { "test", "/vocabulary", "a,b,c,d" } } },

    { "in another order", "=\"[0].value\" does not equal \"/vocabulary\"",
      { { "test", "/vocabulary", "a,c,b" } } },

    { "none for some", "=\"[0].value\" does not equal \"/categories\"",
      { { "test", "/categories", "" } } },

    { "in a rope", "=\"[2].value\" does not equal \"/vocabulary\"",
      { { "add", "/vocabulary/1", "d" }, { "remove", "/vocabulary/3", NULL },
        { "test", "/vocabulary", "a,d,c" } } },

    { "another phrase", "=\"[0].value\" does not equal \"/vocabulary/1\"",
      { { "test", "/vocabulary/1", "a" } } },

    { "the same in a rope",
      "=\"[1].value\" does not equal \"/vocabulary/1\"",
      { { "add", "/vocabulary/0", "d" }, { "test", "/vocabulary/1", "b" } } },

    { "nothing equals what is absent", "=\"[0].path\" does not exist",
      { { "test", "/description", "" } } },

    { "nor an empty list", "=\"[0].path\" does not exist",
      { { "test", "/languages", "" } } },

    { "nor a name that was removed", "=\"[1].path\" does not exist",
      { { "remove", "/name", NULL }, { "test", "/name", "N" } } },

    { "nor a phrase of no list", "=\"[1].path\" does not exist",
      { { "remove", "/vocabulary", NULL }, { "test", "/vocabulary/0", "a" } } },

    { "nor one beyond the end",
      "=\"[0].path\" is beyond the end of a vocabulary of 3 phrases",
      { { "test", "/vocabulary/3", "c" } } },

    { "a test that holds is no excuse",
      "\"vocabulary[3]\" contains a duplicate value",
      { { "add", "/vocabulary", "'a" },
        { "test", "/vocabulary", "a,b,c,a" } } },
};


static void
test_cases(void)
{
    int                    fault;
    char                   before[100];
    const char            *expected;
    size_t                 i;
    tracker_t              t, copy;
    tracker_rc_e           rc;
    const step_t          *s;
    const case_t          *c;
    tracker_patch_t        patch;
    tracker_patch_step_t  *step;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        c = &cases[i];

        tap_arena_reset(&memory, 0);

        t = tracker_of("a,b,c");
        copy = t;
        strcpy(before, show(&t));

        patch.n = 0;
        patch.elts = steps;

        for (s = c->steps; s < c->steps + 6 && s->op; s++) {
            step = &steps[patch.n];

            if (read_step(step, patch.n++, s->op, s->path) != TRACKER_OK) {
                exit(1);
            }

            if (s->value == NULL) {
                continue;
            }

            if (s->value[0] == '\'') {
                step->str = str(s->value + 1);

            } else if (step->target == TRACKER_PATCH_FIELD
                       && step->field->list)
            {
                step->list = list(s->value);

            } else {
                step->str = str(s->value);
            }
        }

        rc = tracker_patch_apply(&t, &patch, &limits, &arena, &message);

        if (rc == TRACKER_OK) {
            is(show(&t), strlen(show(&t)), c->result, c->title);
            ok(strcmp(show(&copy), before) == 0,
               "the old lists are as they were");
            continue;
        }

        /* an equals sign: a test has failed */

        expected = c->result;
        fault = *expected == '=';
        expected += fault;

        is(message.data,
           rc == (fault ? TRACKER_UNEQUAL : TRACKER_INVALID) ? message.len : 0,
           expected, c->title);

        fault = memcmp(&t, &copy, sizeof(t)) != 0
                || strcmp(show(&t), before) != 0;
        ok(!fault, "the tracker is as it was");
    }
}


static void
test_limits(void)
{
    size_t           i;
    tracker_t        t;
    tracker_rc_e     rc;
    tracker_patch_t  patch;

    patch.elts = steps;

    for (i = 0; i < 3; i++) {
        read_step(&steps[i], i, i < 2 ? "add" : "remove", "/vocabulary/0");
        steps[i].str = str(i == 0 ? "d" : i == 1 ? "e" : NULL);
    }

    limits.max_phrases = 4;

    tap_arena_reset(&memory, 0);
    t = tracker_of("a,b,c");
    patch.n = 3;
    ok(tracker_patch_apply(&t, &patch, &limits, &arena, &message)
       == TRACKER_OK, "over the limit on the way");

    t = tracker_of("a,b,c");
    patch.n = 2;
    rc = tracker_patch_apply(&t, &patch, &limits, &arena, &message);
    is(message.data, rc == TRACKER_INVALID ? message.len : 0,
       "\"vocabulary\" must contain at most 4 phrases, found 5",
       "over the limit at the end");

    limits.max_phrases = 0;
}


int
main(void)
{
    test_steps();
    test_bad_steps();
    test_misfits();
    test_cases();
    test_limits();

    tap_arena_reset(&memory, 0);
    ok(memory.memory.live == 0, "nothing is left over");

    return tap_done();
}
