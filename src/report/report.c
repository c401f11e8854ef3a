/*
 * report.c: what a report consists of.
 */
#include "report/report.h"

#include "base/compiler.h"
#include "os/fatal.h"

static void to_message(void *opaque, const char *text) {
    (void)opaque;
    message_write(text);
}

static struct report_parts parse(const char *letters) {
    struct report_parts parts = {.general = true,
                                 .merged = true,
                                 .destroyed = true,
                                 .arenas = true,
                                 .bins = true,
                                 .large = true,
                                 .mutexes = true,
                                 .extents = true,
                                 .hpa = true};
    for (; letters != NULL && *letters != '\0'; letters++) {
        switch (*letters) {
        case 'J':
            parts.json = true;
            break;
        case 'o':
            parts.openmetrics = true;
            break;
        case 'g':
            parts.general = false;
            break;
        case 'm':
            parts.merged = false;
            break;
        case 'd':
            parts.destroyed = false;
            break;
        case 'a':
            parts.arenas = false;
            break;
        case 'b':
            parts.bins = false;
            break;
        case 'l':
            parts.large = false;
            break;
        case 'x':
            parts.mutexes = false;
            break;
        case 'e':
            parts.extents = false;
            break;
        case 'h':
            parts.hpa = false;
            break;
        default:
            break;
        }
    }
    return parts;
}

unsigned report_narenas(void) {
    struct path path;
    path_begin(&path, "arenas");
    return (unsigned)path_u64(&path, "narenas");
}

bool report_has_arena(unsigned arena) {
    struct path path;
    struct ctl_answer answer;
    path_begin(&path, "arena");
    path_add_index(&path, arena);
    path_add(&path, "initialized");
    return path_read(&path, &answer) && answer.kind == CTL_ANSWER_BOOL && answer.u64 != 0;
}

void report_print(write_function *write, void *opaque, const char *letters) {
    struct report_parts parts = parse(letters);
    struct writer w;
    uint64_t epoch = 1;
    if (ctl_by_name("epoch", NULL, NULL, &epoch, sizeof(epoch)) != 0) {
        message_write("<ashlar>: no memory for statistics\n");
        return;
    }
    writer_begin(&w, write != NULL ? write : to_message, opaque);
    if (parts.json) {
        report_json(&w, &parts);
    } else if (parts.openmetrics) {
        report_openmetrics(&w, &parts);
    } else {
        report_text(&w, &parts);
    }
    writer_flush(&w);
}
