import { expect, it } from "@jest/globals";
import { coalesce } from "./coalesce.js";

it("takes together what comes together, and what comes while others are under way", async () => {
  const batches: number[][] = [];
  let go = () => {};
  const gate = new Promise<void>((resolve) => {
    go = resolve;
  });
  const double = coalesce(
    async (items: number[]) => {
      batches.push(items);
      await gate;
      return items.map((item) => item * 2);
    },
    { most: 3, atOnce: 1 },
  );
  const first = [1, 2].map(double);
  await new Promise(setImmediate);
  const then = [3, 4, 5, 6].map(double);
  await new Promise(setImmediate);
  expect(batches).toEqual([[1, 2]]);
  go();
  expect(await Promise.all([...first, ...then])).toEqual([2, 4, 6, 8, 10, 12]);
  expect(batches).toEqual([[1, 2], [3, 4, 5], [6]]);
});

it("fails all of a batch and goes on with the next", async () => {
  let count = 0;
  const call = coalesce(
    async (items: number[]) => {
      count += 1;
      if (count === 1) throw new Error("out");
      return items;
    },
    { most: 2, atOnce: 1 },
  );
  const answers = await Promise.allSettled([1, 2, 3].map(call));
  expect(answers.map(({ status }) => status)).toEqual(["rejected", "rejected", "fulfilled"]);
});
