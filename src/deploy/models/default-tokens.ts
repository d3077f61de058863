/** The built-in input: a question and a passage of our own, as 128 word pieces of BERT's uncased vocabulary. */
import type { Encoding } from './wordpiece.ts';

export const DEFAULT_TEXT = {
  question: 'What does the small machine do while it waits for its next piece of work?',
  passage:
    'A small machine lives at the edge of the network, far from the large halls where other machines ' +
    'think. Eight little workers share one bench, and beside it stands an engine that knows only how ' +
    'to multiply and to pay attention. When a sentence arrives, the workers carry its words to the ' +
    'bench, the engine weighs each word against all the others, and the workers tidy up what ' +
    'remains. Nobody hurries, yet nothing is lost: every number is counted twice and must agree. ' +
    'Then all of them sleep until a bell wakes them up again.',
} as const;

/** `[CLS] question [SEP] passage [SEP]`; token types are 1 after the first `[SEP]`. */
export const DEFAULT_TOKENS: Encoding = (() => {
  const questionTokens = 18;
  // prettier-ignore
  const inputIds = [
    101, 2054, 2515, 1996, 2235, 3698, 2079, 2096, 2009, 18074, 2005, 2049, 2279, 3538, 1997, 2147,
    1029, 102, 1037, 2235, 3698, 3268, 2012, 1996, 3341, 1997, 1996, 2897, 1010, 2521, 2013, 1996,
    2312, 9873, 2073, 2060, 6681, 2228, 1012, 2809, 2210, 3667, 3745, 2028, 6847, 1010, 1998, 3875,
    2009, 4832, 2019, 3194, 2008, 4282, 2069, 2129, 2000, 4800, 22086, 1998, 2000, 3477, 3086, 1012,
    2043, 1037, 6251, 8480, 1010, 1996, 3667, 4287, 2049, 2616, 2000, 1996, 6847, 1010, 1996, 3194,
    21094, 2169, 2773, 2114, 2035, 1996, 2500, 1010, 1998, 1996, 3667, 29369, 2039, 2054, 3464,
    1012, 6343, 15876, 26801, 1010, 2664, 2498, 2003, 2439, 1024, 2296, 2193, 2003, 8897, 3807,
    1998, 2442, 5993, 1012, 2059, 2035, 1997, 2068, 3637, 2127, 1037, 4330, 17507, 2068, 2039, 2153,
    1012, 102,
  ];
  return { inputIds, tokenTypeIds: inputIds.map((_, i) => (i < questionTokens ? 0 : 1)) };
})();
