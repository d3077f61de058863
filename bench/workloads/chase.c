/** Pointer chasing with indirect calls: a list in random order, each node handled through its function pointer. */
#include "workload.h"

#define NODES 4096

struct node {
  struct node *next;
  uint32_t (*handle)(struct node *node, uint32_t state);
  uint32_t value;
  uint32_t visits;
};

static struct node nodes[NODES];

static uint32_t add(struct node *node, uint32_t state) { return state + node->value; }
static uint32_t subtract(struct node *node, uint32_t state) { return node->value - state; }
static uint32_t rotate(struct node *node, uint32_t state) {
  uint32_t by = node->value & 31;
  return state << by | state >> (-by & 31);
}
static uint32_t count(struct node *node, uint32_t state) { return state ^ ++node->visits; }
static uint32_t choose(struct node *node, uint32_t state) {
  return state & 1 ? state * 3 + node->value : state >> 1;
}
static uint32_t remember(struct node *node, uint32_t state) {
  uint32_t old = node->value;
  node->value = state;
  return old + (state >> 7);
}
static uint32_t peek(struct node *node, uint32_t state) { return mix(state, node->next->value); }
static uint32_t skip(struct node *node, uint32_t state) {
  return node->next->handle == count ? node->next->visits + state : state ^ node->value;
}

static uint32_t (*const handlers[8])(struct node *, uint32_t) = {
    add, subtract, rotate, count, choose, remember, peek, skip,
};

/** Links the nodes into one ring in random order (Sattolo's shuffle of a cycle). */
static void link_nodes(uint32_t *state) {
  static uint16_t order[NODES];
  for (uint32_t i = 0; i < NODES; i++) order[i] = (uint16_t)i;
  for (uint32_t i = NODES - 1; i > 0; i--) {
    uint32_t j = next_random(state) % i;
    uint16_t swap = order[i];
    order[i] = order[j];
    order[j] = swap;
  }
  for (uint32_t i = 0; i < NODES; i++) {
    struct node *node = &nodes[order[i]];
    node->next = &nodes[order[(i + 1) % NODES]];
    node->value = next_random(state);
    node->handle = handlers[next_random(state) % 8];
    node->visits = 0;
  }
}

uint32_t workload(uint32_t repeat, uint32_t hart) {
  (void)hart;
  uint32_t state = 1, checksum = 2166136261u;
  link_nodes(&state);
  struct node *node = nodes;
  for (uint32_t step = 0; step < repeat * NODES; step++) {
    checksum = node->handle(node, checksum);
    node = node->next;
  }
  return checksum;
}
