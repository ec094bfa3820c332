import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "@jest/globals";
import { withDeadline } from "./deadline.js";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Minds its signal as `fetch` does. */
const endless = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

it("ends what takes too long, also when garbage was collected meanwhile", async () => {
  const outer = new AbortController();
  const over = withDeadline(200, outer.signal, endless);
  collectGarbage();
  await expect(over).rejects.toMatchObject({ name: "TimeoutError" });
});

it("ends with the outer signal, for its reason, and at once where that has aborted already", async () => {
  const [outer, reason] = [new AbortController(), new Error("stopping")];
  const over = withDeadline(60_000, outer.signal, () => new Promise(() => {}));
  outer.abort(reason);
  await expect(over).rejects.toBe(reason);
  let begun = false;
  const late = withDeadline(60_000, outer.signal, async () => {
    begun = true;
  });
  await expect(late).rejects.toBe(reason);
  expect(begun).toBe(false);
});

it("lets work go on for as long as something moves", async () => {
  const answer = withDeadline(400, undefined, async (signal, moved) => {
    for (let i = 0; i < 8; i++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      moved();
    }
    return signal.aborted ? "aborted" : "done";
  });
  expect(await answer).toBe("done");
});
