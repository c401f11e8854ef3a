/*
 * list_test.c: random insertions and removals against an array of what should be listed.
 */
#include "unit/unit.h"

#include "base/list.h"

enum { ITEMS = 20 };

struct item {
    int before;
    struct list link;
    int after;
};

static void check(const struct list *head, struct item *const *order, size_t n) {
    const struct list *node = head;
    assert_int_equal(list_is_empty(head), n == 0);
    for (size_t i = 0; i < n; i++) {
        assert_ptr_equal(node->next->prev, node);
        node = node->next;
        assert_true(list_is_member(node));
        assert_ptr_equal(list_entry(node, struct item, link), order[i]);
    }
    assert_ptr_equal(node->next, head);
    assert_ptr_equal(head->prev, node);
}

static void insert_at(struct item **order, size_t *n, size_t at, struct item *item) {
    memmove(order + at + 1, order + at, (*n - at) * sizeof(*order));
    order[at] = item;
    ++*n;
}

static size_t index_of(struct item *const *order, const struct item *item) {
    size_t i = 0;
    while (order[i] != item) {
        i++;
    }
    return i;
}

static void test_random(void **state) {
    (void)state;
    struct prng prng = unit_prng();
    struct item items[ITEMS] = {0};
    struct item *order[ITEMS];
    size_t n = 0;
    struct list head;
    list_init(&head);
    for (unsigned step = 0; step < 20000; step++) {
        struct item *item = &items[prng_below(&prng, ITEMS)];
        if (list_is_member(&item->link)) {
            size_t at = index_of(order, item);
            list_remove(&item->link);
            assert_false(list_is_member(&item->link));
            memmove(order + at, order + at + 1, (n - at - 1) * sizeof(order[0]));
            n--;
        } else if (prng_one_in(&prng, 2)) {
            list_push_front(&head, &item->link);
            insert_at(order, &n, 0, item);
        } else if (n > 0 && prng_one_in(&prng, 2)) {
            size_t at = prng_below(&prng, n);
            list_insert_after(&order[at]->link, &item->link);
            insert_at(order, &n, at + 1, item);
        } else {
            list_push_back(&head, &item->link);
            insert_at(order, &n, n, item);
        }
        check(&head, order, n);
    }
}

static void insert_twice(void *context) {
    struct list *head = context;
    static struct list node;
    list_push_front(head, &node);
    list_push_front(head, &node);
}

static void remove_twice(void *context) {
    struct list *head = context;
    static struct list node;
    list_push_front(head, &node);
    list_remove(&node);
    list_remove(&node);
}

static void test_misuse_is_found(void **state) {
    (void)state;
    if (!config_debug) {
        skip();
    }
    struct list head;
    list_init(&head);
    unit_expect_abort(insert_twice, &head, "list_is_member");
    unit_expect_abort(remove_twice, &head, "list_is_member");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_misuse_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
