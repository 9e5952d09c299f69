/*
 * Hyperscan's literals, without regard to case and with where they begin, and a
 * look at the characters beside each match: hyperscan TEXT PHRASES.  Prints as
 * module.c does.
 */


#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <hs.h>


#define ROUNDS  3


static const char  *piece;
static size_t       piece_len, hits;


static double
cpu(void)
{
    struct timespec  t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);

    return t.tv_sec * 1e6 + t.tv_nsec * 1e-3;
}


static char *
slurp(size_t *len, const char *name)
{
    char  *data;
    FILE  *file;

    file = fopen(name, "rb");

    if (file == NULL) {
        perror(name);
        exit(1);
    }

    fseek(file, 0, SEEK_END);
    *len = ftell(file);
    rewind(file);

    data = malloc(*len + 1);

    if (fread(data, 1, *len, file) != *len) {
        perror(name);
        exit(1);
    }

    fclose(file);

    return data;
}


static int
on_match(unsigned int id, unsigned long long from, unsigned long long to,
    unsigned int flags, void *data)
{
    (void) id;
    (void) flags;
    (void) data;

    if ((from == 0 || !isalnum((unsigned char) piece[from - 1]))
        && (to == piece_len || !isalnum((unsigned char) piece[to])))
    {
        hits++;
    }

    return 0;
}


static hs_database_t *
compile(const char *name)
{
    char                *list, *p;
    size_t               n, len, *lens;
    unsigned            *flags, *ids;
    const char         **phrases;
    hs_database_t       *db;
    hs_compile_error_t  *error;

    list = slurp(&len, name);
    phrases = malloc(len * sizeof(char *));
    lens = malloc(len * sizeof(size_t));
    flags = malloc(len * sizeof(unsigned));
    ids = malloc(len * sizeof(unsigned));

    for (n = 0, p = list; p < list + len; n++) {
        phrases[n] = p;
        p = memchr(p, '\n', list + len - p);
        lens[n] = p - phrases[n];
        flags[n] = HS_FLAG_CASELESS | HS_FLAG_SOM_LEFTMOST;
        ids[n] = n;
        p++;
    }

    if (hs_compile_lit_multi(phrases, flags, ids, lens, n, HS_MODE_BLOCK, NULL,
                             &db, &error)
        != HS_SUCCESS)
    {
        fprintf(stderr, "%s\n", error->message);
        exit(1);
    }

    return db;
}


int
main(int argc, char **argv)
{
    int             round;
    char           *text, *end;
    double          start, build, best;
    size_t          len, size;
    hs_scratch_t   *scratch;
    hs_database_t  *db;

    if (argc != 3) {
        fprintf(stderr, "usage: hyperscan TEXT PHRASES\n");
        return 2;
    }

    text = slurp(&len, argv[1]);

    start = cpu();
    db = compile(argv[2]);
    build = (cpu() - start) / 1000;

    scratch = NULL;
    hs_alloc_scratch(db, &scratch);
    hs_database_size(db, &size);

    best = 1e9;

    for (round = 0; round < ROUNDS; round++) {
        hits = 0;
        start = cpu();

        for (piece = text; piece < text + len; piece = end + 1) {
            end = memchr(piece, '\0', text + len - piece);
            piece_len = end - piece;

            if (hs_scan(db, piece, piece_len, 0, scratch, on_match, NULL)
                != HS_SUCCESS)
            {
                fprintf(stderr, "hs_scan failed\n");
                return 1;
            }
        }

        start = (cpu() - start) / len * 1024;
        best = start < best ? start : best;
    }

    printf("%.2f %.1f %.2f %zu\n", best, (double) hits / len * 1024, build,
           size);

    return 0;
}
