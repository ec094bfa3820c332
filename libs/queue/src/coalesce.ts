/**
 * Gathers calls made within `lingerMs` of each other into one: a call to the database costs much the same for ten items as for one.
 * `batch` answers in the order of its items; when it fails, all of them fail.
 */
export function coalesce<I, O>(
  batch: (items: I[]) => Promise<O[]>,
  options: { lingerMs: number; most: number },
): (item: I) => Promise<O> {
  let waiting: { item: I; resolve: (answer: O) => void; reject: (error: unknown) => void }[] = [];
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    const calls = waiting;
    waiting = [];
    batch(calls.map((call) => call.item)).then(
      (answers) => {
        for (const [i, call] of calls.entries()) call.resolve(answers[i] as O);
      },
      (error: unknown) => {
        for (const call of calls) call.reject(error);
      },
    );
  };
  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (waiting.length >= options.most) flush();
      else timer ??= setTimeout(flush, options.lingerMs);
    });
}
