/*
 * thread_local_test.cpp: C++ thread_local objects and statics whose destructors free and allocate,
 * in threads that end one way or another, and exceptions thrown across. Objects count themselves;
 * the last destructor to run checks that none is left.
 */
#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "check.h"

static std::atomic<long> alive{0};

class holder {
  public:
    explicit holder(int seed) : seed_(seed) {
        alive++;
        for (int i = 0; i < 50; i++) {
            texts_[i] = std::string(std::size_t(seed % 300 + i), char('a' + i % 26));
            blocks_.push_back(
                std::make_unique<std::vector<int>>(std::size_t(seed % 2000 + i + 1), i));
        }
    }
    ~holder() {
        check();
        texts_.clear();
        struct allocator own = allocator_of_program();
        churn(&own, std::uint64_t(seed_), 100);
        alive--;
    }
    holder(const holder &) = delete;
    holder &operator=(const holder &) = delete;
    void check() const {
        for (const auto &[i, text] : texts_) {
            EXPECT(text == std::string(std::size_t(seed_ % 300 + i), char('a' + i % 26)));
        }
        for (std::size_t i = 0; i < blocks_.size(); i++) {
            EXPECT(blocks_[i]->size() == std::size_t(seed_ % 2000) + i + 1 &&
                   blocks_[i]->back() == int(i));
        }
    }

  private:
    int seed_;
    std::map<int, std::string> texts_;
    std::vector<std::unique_ptr<std::vector<int>>> blocks_;
};

/* Constructed before anything else of this file's, so destroyed after it. */
struct last {
    ~last() {
        EXPECT(alive.load() == 0);
        static const char text[] = "none left\n";
        EXPECT(write(1, text, sizeof(text) - 1) == ssize_t(sizeof(text) - 1));
    }
};
static last at_the_end;
static holder global(17);
static thread_local std::unique_ptr<holder> mine;
static thread_local std::vector<std::shared_ptr<holder>> others;

int main() {
    expect_allocator();
    mine = std::make_unique<holder>(1);
    auto shared = std::make_shared<holder>(99);
    for (int round = 0; round < 60; round++) {
        std::vector<std::thread> threads;
        threads.reserve(4);
        for (int i = 0; i < 4; i++) {
            threads.emplace_back([round, i, shared] {
                static thread_local holder on_use(round + 5);
                on_use.check();
                mine = std::make_unique<holder>(round * 10 + i);
                others.push_back(shared);
                others.push_back(std::make_shared<holder>(round + i));
                try {
                    holder on_stack(round);
                    throw std::make_shared<holder>(round + 2);
                } catch (const std::shared_ptr<holder> &caught) {
                    caught->check();
                    others.push_back(caught);
                }
            });
        }
        for (auto &thread : threads) {
            thread.join();
        }
    }
    shared->check();
    EXPECT(shared.use_count() == 1);
    return 0;
}
