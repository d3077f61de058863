/** A token goes round all harts by software events, each hart asleep until its turn. Ends with 0 when nobody was left out. */
#include "event.h"

#include <stdio.h>

#include "cluster.h"

enum { ROUNDS = 50, NUMBER = 3 };

static volatile unsigned token;

int main(void) {
  unsigned hart = hart_id(), harts = hart_count();
  for (unsigned round = 0; round < ROUNDS; round++) {
    if (hart != 0 || round > 0) event_wait(1u << NUMBER);
    token++;
    event_raise(NUMBER, 1u << (hart + 1) % harts);
  }
  if (hart != 0) return 0;
  event_wait(1u << NUMBER);
  unsigned expected = ROUNDS * harts;
  printf("events: the token was passed %u times, expected %u\n", token, expected);
  return token != expected;
}
