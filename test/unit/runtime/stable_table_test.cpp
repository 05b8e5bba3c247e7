// The table of ops and handles: entries stay where they are, whatever is put beside them.
#include <gtest/gtest.h>

#include <map>

#include "backend/stable_table.hpp"

namespace vyre::backend {
namespace {

struct Entry {
  std::uint64_t value{9};
};

TEST(StableTable, EveryEntryHasAPlaceOfItsOwnAndKeepsIt) {
  StableTable<Entry> table;
  std::map<Entry*, std::uint32_t> places;
  // Around the borders of its chunks, which are small at first, and at both ends.
  for (const std::uint32_t middle : {0u, 128u, 256u, 3'968u, 4'096u, 8'192u, 1'000'000u}) {
    for (std::uint32_t i = middle < 3 ? 0 : middle - 3; i < middle + 3; ++i) {
      Entry& entry = table.at(i);
      EXPECT_TRUE(places.emplace(&entry, i).second) << i << " shares the place of another";
      EXPECT_EQ(entry.value, 9u);
      entry.value = i;
    }
  }
  constexpr std::uint32_t kLast{StableTable<Entry>::kMaxEntries - 1};
  table.at(kLast).value = kLast;
  places.emplace(&table.at(kLast), kLast);
  for (const auto& [entry, index] : places) {
    EXPECT_EQ(table.find(index), entry);
    EXPECT_EQ(entry->value, index);
  }
}

TEST(StableTable, WhatWasNeverPutNearIsNotThere) {
  StableTable<Entry> table;
  EXPECT_EQ(table.find(0), nullptr);
  table.at(5'000).value = 1;
  EXPECT_EQ(table.find(0), nullptr);
  EXPECT_EQ(table.find(4'999)->value, 9u) << "in the same chunk";
  EXPECT_EQ(table.find(StableTable<Entry>::kMaxEntries), nullptr);
  EXPECT_EQ(table.find(~0u), nullptr);
}

}  // namespace
}  // namespace vyre::backend
