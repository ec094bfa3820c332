/**
 * Gathers calls into one while others are under way: a call to the database costs much the same for ten items as for one. Whoever comes
 * when nothing is under way does not wait. `batch` answers in the order of its items; when it fails, all of them fail.
 */
export function coalesce<I, O>(
  batch: (items: I[]) => Promise<O[]>,
  options: { most: number; atOnce: number },
): (item: I) => Promise<O> {
  let waiting: { item: I; resolve: (answer: O) => void; reject: (error: unknown) => void }[] = [];
  let underWay = 0;
  let planned = false;
  const flush = () => {
    planned = false;
    while (waiting.length > 0 && underWay < options.atOnce) {
      const calls = waiting.slice(0, options.most);
      waiting = waiting.slice(options.most);
      underWay += 1;
      batch(calls.map((call) => call.item))
        .then(
          (answers) => {
            for (const [i, call] of calls.entries()) call.resolve(answers[i] as O);
          },
          (error: unknown) => {
            for (const call of calls) call.reject(error);
          },
        )
        .finally(() => {
          underWay -= 1;
          flush();
        });
    }
  };
  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (planned) return;
      planned = true;
      // What comes in the same turn goes together.
      setImmediate(flush);
    });
}
