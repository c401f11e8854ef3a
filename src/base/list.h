/*
 * list.h: intrusive circular doubly linked lists.
 *
 * A list is a head node; an empty list's head points at itself, or is still all zero, so that arrays of
 * lists in zeroed memory are not touched before they are used. A node outside any list has next ==
 * NULL, so membership can be asked. No locks here.
 */
#ifndef ASHLAR_BASE_LIST_H
#define ASHLAR_BASE_LIST_H

#include <stdbool.h>

#include "base/check.h"

struct list {
    struct list *next;
    struct list *prev;
};

static inline void list_init(struct list *head) {
    head->next = head;
    head->prev = head;
}

static inline bool list_is_empty(const struct list *head) {
    return head->next == head || head->next == NULL;
}

/* The first node, or the head when the list is empty: where a walk begins. */
static inline struct list *list_first(struct list *head) {
    return list_is_empty(head) ? head : head->next;
}

static inline bool list_is_member(const struct list *node) {
    return node->next != NULL;
}

static inline void list_insert_after(struct list *where, struct list *node) {
    ASSERT(!list_is_member(node));
    node->next = where->next;
    node->prev = where;
    where->next->prev = node;
    where->next = node;
}

static inline void list_push_front(struct list *head, struct list *node) {
    if (head->next == NULL) {
        list_init(head);
    }
    list_insert_after(head, node);
}

static inline void list_push_back(struct list *head, struct list *node) {
    if (head->next == NULL) {
        list_init(head);
    }
    list_insert_after(head->prev, node);
}

static inline void list_remove(struct list *node) {
    ASSERT(list_is_member(node));
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->next = NULL;
    node->prev = NULL;
}

#define list_entry(node, type, member) container_of((node), type, member)

#endif
