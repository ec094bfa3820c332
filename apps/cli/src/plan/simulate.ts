import { type Plan, type StageName, stageNames, type Task } from "./estimate.js";

/** A number in [0, 1), the same each time: a plan is the same plan when it is asked for again. */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** When each slot of a stage is free next: the earliest is at the top. */
function createSlots(count: number) {
  const heap = new Array<number>(count).fill(0);
  return {
    /** Gives the slot that is free first a job that is there from `ready` on; answers when it is done. */
    take(ready: number, seconds: number): number {
      const done = Math.max(ready, heap[0] as number) + seconds;
      let at = 0;
      for (;;) {
        const left = 2 * at + 1;
        const child = left + 1 < count && (heap[left + 1] as number) < (heap[left] as number) ? left + 1 : left;
        if (child >= count || (heap[child] as number) >= done) break;
        heap[at] = heap[child] as number;
        at = child;
      }
      heap[at] = done;
      return done;
    },
  };
}

/** Documents that are simulated, at most: as many of them stand for all. */
const most = 200_000;

/**
 * Sends documents through the planned workers one event at a time: every stage serves in the order of arrival, and how long each takes is
 * drawn from an exponential distribution, since few documents are long and most are short. Answers how long all would take, and how busy each stage was.
 */
export function simulate(task: Task, plan: Plan, seed = 1): { seconds: number; busy: Record<StageName, number> } {
  const random = createRandom(seed);
  const count = Math.min(task.documents, most);
  const working = Object.fromEntries(stageNames.map((name) => [name, 0])) as Record<StageName, number>;
  const drawn = (name: StageName) => {
    const seconds = -Math.log(1 - random()) * plan.stages[name].secondsPerDocument;
    working[name] += seconds;
    return seconds;
  };
  const slotsOf = (name: StageName) => Math.max(1, plan.stages[name].workers) * task.slots[name];
  const pass = (name: StageName, arrivals: Float64Array): Float64Array => {
    const slots = createSlots(slotsOf(name));
    return arrivals.sort().map((ready) => slots.take(ready, drawn(name)));
  };
  // All are there at once, as a backlog is.
  const parsed = pass("parser", new Float64Array(count));
  const isScanned = parsed.map(() => (random() < task.scanned ? 1 : 0));
  const recognised = pass(
    "recogniser",
    parsed.filter((_, i) => isScanned[i] === 1),
  );
  const texts = parsed.filter((_, i) => isScanned[i] === 0);
  const read = new Float64Array(count);
  read.set(texts);
  read.set(recognised, texts.length);
  const embedded = pass("embedder", pass("chunker", read));
  const last = embedded.reduce((latest, done) => Math.max(latest, done), 0);
  return {
    seconds: (last * task.documents) / count,
    busy: Object.fromEntries(
      stageNames.map((name) => [name, last === 0 ? 0 : working[name] / (last * slotsOf(name))]),
    ) as Record<StageName, number>,
  };
}
