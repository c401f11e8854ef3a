/*
 * static.c: a program that is linked statically, for the warning that preloading cannot reach it.
 */
#include <stdio.h>

int main(void) {
    return puts("static program ran") == EOF;
}
