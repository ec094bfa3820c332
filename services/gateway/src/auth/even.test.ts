import { expect, it } from "@jest/globals";
import { answeringEvenly, failingEvenly } from "./even.js";

function gate() {
  let open = () => {};
  const due = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { due, open };
}
/** Everything that is ready has run. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

it("lets what went well through at once, and holds a failure until it is due", async () => {
  const { due, open } = gate();
  expect(await failingEvenly(due, Promise.resolve("in"))).toBe("in");
  let failed = false;
  const failing = failingEvenly(due, Promise.reject(new Error("no"))).catch(() => {
    failed = true;
  });
  await settled();
  expect(failed).toBe(false);
  open();
  await failing;
  expect(failed).toBe(true);
});

it("answers when it is due, neither before work that is quick nor after work that is slow", async () => {
  const [quick, slow] = [gate(), gate()];
  let answered = false;
  const first = answeringEvenly(quick.due, Promise.resolve(), () => {}).then(() => {
    answered = true;
  });
  await settled();
  expect(answered).toBe(false);
  quick.open();
  await first;
  slow.open();
  await answeringEvenly(slow.due, new Promise(() => {}), () => {});
});

it("tells a failure in time, and only the log of one that is late", async () => {
  const [early, late] = [gate(), gate()];
  const failing = answeringEvenly(early.due, Promise.reject(new Error("down")), () => {});
  early.open();
  await expect(failing).rejects.toThrow("down");
  let fail = (_: Error) => {};
  const heard: unknown[] = [];
  const work = new Promise((_, reject) => {
    fail = reject;
  });
  late.open();
  await answeringEvenly(late.due, work, (error) => heard.push(error));
  fail(new Error("later"));
  await settled();
  expect(heard).toEqual([new Error("later")]);
});
