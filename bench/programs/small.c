/* A small source, compiled over and over: what a compiler costs from its start to its end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct word {
    struct word *next;
    unsigned count;
    char text[32];
};

enum { BUCKETS = 256 };

static struct word *buckets[BUCKETS];

static unsigned hash_of(const char *text) {
    unsigned hash = 5381;
    for (; *text != '\0'; text++) {
        hash = hash * 33 ^ (unsigned char)*text;
    }
    return hash;
}

static struct word *word_of(const char *text) {
    struct word **place = &buckets[hash_of(text) % BUCKETS];
    while (*place != NULL && strcmp((*place)->text, text) != 0) {
        place = &(*place)->next;
    }
    if (*place == NULL) {
        *place = calloc(1, sizeof **place);
        if (*place == NULL) {
            exit(1);
        }
        strncpy((*place)->text, text, sizeof(*place)->text - 1);
    }
    return *place;
}

static int by_count(const void *a, const void *b) {
    const struct word *const *left = a;
    const struct word *const *right = b;
    return (*left)->count < (*right)->count ? 1 : -((*left)->count > (*right)->count);
}

int main(void) {
    char text[32];
    unsigned nwords = 0;
    while (scanf("%31s", text) == 1) {
        nwords += word_of(text)->count++ == 0;
    }
    struct word **sorted = calloc(nwords + 1, sizeof *sorted);
    if (sorted == NULL) {
        return 1;
    }
    unsigned at = 0;
    for (unsigned i = 0; i < BUCKETS; i++) {
        for (struct word *word = buckets[i]; word != NULL; word = word->next) {
            sorted[at++] = word;
        }
    }
    qsort(sorted, nwords, sizeof *sorted, by_count);
    for (unsigned i = 0; i < nwords && i < 10; i++) {
        printf("%8u %s\n", sorted[i]->count, sorted[i]->text);
    }
    free(sorted);
    return 0;
}
