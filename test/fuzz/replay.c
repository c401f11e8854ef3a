/*
 * replay.c: main() that plays fuzzing inputs from files, for compilers without libFuzzer and for
 * repeating a finding. A folder stands for the files in it.
 * Usage: replay FILE|FOLDER...
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "support/report.h"
#include "support/scratch.h"

enum { INPUT_BYTES = 1 << 20, PATH_BYTES = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned played;

static void play_file(const char *path) {
    FILE *file = fopen(path, "rb");
    EXPECT(file != NULL, "cannot open %s", path);
    uint8_t *input = scratch_map(INPUT_BYTES);
    size_t size = fread(input, 1, INPUT_BYTES, file);
    EXPECT(ferror(file) == 0, "cannot read %s", path);
    fclose(file);
    printf("%s: %zu bytes\n", path, size);
    fflush(stdout);
    LLVMFuzzerTestOneInput(input, size);
    scratch_unmap(input, INPUT_BYTES);
    played++;
}

static void play_folder(const char *path) {
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, NULL, alphasort);
    EXPECT(count >= 0, "cannot list %s", path);
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.') {
            char name[PATH_BYTES];
            snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
            play_file(name);
        }
        free(entries[i]);
    }
    free(entries);
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        struct stat about;
        EXPECT(stat(argv[i], &about) == 0, "no file %s", argv[i]);
        if (S_ISDIR(about.st_mode)) {
            play_folder(argv[i]);
        } else {
            play_file(argv[i]);
        }
    }
    EXPECT(played > 0, "nothing to play");
    printf("%u inputs, ok\n", played);
    return 0;
}
