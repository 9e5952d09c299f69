
/*
 * The strict reader of trackers, of which each has a line.
 */


#include "json/lines_end.h"
#include "json/reader_lines.h"
#include "tracker/lines.h"


static int tracker_read_all_lines(tracker_reader_t *rd, size_t *budget);
static int tracker_read_line(tracker_reader_t *rd, size_t *budget);
static void tracker_read_blanks(tracker_reader_t *rd);
static int tracker_read_end(tracker_reader_t *rd);
static int tracker_read_bad_end(tracker_reader_t *rd, size_t line);


int
tracker_read_lines(tracker_reader_t *rd, tracker_report_t *report, int whole)
{
    if (!tracker_read_report(rd, report)) {
        return 0;
    }

    /* it has begun with an array, or one object */

    rd->lexer.p = rd->start;
    rd->stop = TRACKER_READER_BAD;
    rd->whole = whole;
    rd->line = 1;

    rd->set->bulk = 1;
    rd->set->n = 0;

    return 1;
}


tracker_reader_rc_e
tracker_read_lines_run(tracker_reader_t *rd, size_t *budget)
{
    int  ok;

    ok = tracker_read_all_lines(rd, budget);

    if (rd->lexer.nomem) {
        return TRACKER_READER_NOMEM;
    }

    if (!ok) {
        return rd->rc == TRACKER_OK ? TRACKER_READER_UNDECIDED
                                    : TRACKER_READER_REFUSED;
    }

    return rd->more ? TRACKER_READER_AGAIN : TRACKER_READER_OK;
}


/* or until the budget is spent */

static int
tracker_read_all_lines(tracker_reader_t *rd, size_t *budget)
{
    tracker_lexer_t  *lx;

    lx = &rd->lexer;

    do {
        tracker_read_blanks(rd);

        if (lx->p == lx->end) {

            if (rd->index < 0) {
                rd->stop = TRACKER_READER_EMPTY;
                return 0;
            }

            rd->more = 0;

            return rd->whole ? tracker_read_bad_end(rd, 0) : 1;
        }

        if (tracker_lines_is_end(lx->p, lx->end - lx->p)) {
            rd->more = 0;
            return tracker_read_end(rd);
        }

        if (!tracker_read_line(rd, budget)) {
            return 0;
        }

    } while (*budget);

    rd->more = 1;

    return 1;
}


/* the lexer takes LF for a blank: it sees this line alone */

static int
tracker_read_line(tracker_reader_t *rd, size_t *budget)
{
    int               ok;
    const char       *start, *lf, *end;
    tracker_lexer_t  *lx;

    lx = &rd->lexer;
    start = lx->p;
    end = lx->end;

    /* other values the library does not take as a text */

    if (*start != '{' && *start != '[') {
        return 0;
    }

    lf = memchr(start, '\n', end - start);

    /* memory for its escapes is as large as the line */

    lx->end = lf ? lf : end;
    lx->text = NULL;
    rd->report->line = rd->line;

    ok = tracker_read_element(rd) && tracker_lex_end(lx);

    tracker_read_pay(rd, start, budget);

    /* the library's column is that of the last byte, too */

    if (!ok && lx->p == lx->end && rd->stop == TRACKER_READER_BAD) {
        lx->p--;
    }

    lx->end = end;

    return ok;
}


static void
tracker_read_blanks(tracker_reader_t *rd)
{
    const char       *start;
    tracker_lexer_t  *lx;

    lx = &rd->lexer;
    start = lx->p;

    (void) tracker_lex_end(lx);

    for ( /* void */ ; start < lx->p; start++) {
        rd->line += *start == '\n';
    }
}


/* the line that ends the list, and nothing behind it */

static int
tracker_read_end(tracker_reader_t *rd)
{
    size_t              len;
    const char         *start, *lf;
    tracker_lexer_t    *lx;
    tracker_message_t   message;

    lx = &rd->lexer;
    start = lx->p;

    lf = memchr(start, '\n', lx->end - start);
    len = (lf ? lf : lx->end) - start;

    switch (tracker_jansson_end(start, len, rd->line, rd->index + 1, rd->whole,
                                &message))
    {

    case TRACKER_OK:
        break;

    case TRACKER_INVALID:
        return tracker_read_bad_end(rd, rd->line);

    default: /* TRACKER_NOMEM */
        lx->nomem = 1;
        return 0;
    }

    lx->p = start + len;

    tracker_read_blanks(rd);

    if (lx->p != lx->end) {
        return tracker_read_bad_end(rd, rd->line);
    }

    if (rd->index < 0) {
        rd->stop = TRACKER_READER_EMPTY;
        return 0;
    }

    return 1;
}


static int
tracker_read_bad_end(tracker_reader_t *rd, size_t line)
{
    rd->line = line;
    rd->stop = TRACKER_READER_BAD_END;

    return 0;
}
