import { expect, it } from "@jest/globals";
import { createRoom } from "./room.js";

const turn = () => new Promise((resolve) => setImmediate(resolve));

it("lets one be alone when all others have left, and nobody in before it has left", async () => {
  const room = createRoom();
  const seen: string[] = [];
  const [first, second] = await Promise.all([room.enter(), room.enter()]);
  const alone = room.enterAlone(60_000).then((leave) => {
    seen.push("alone");
    return leave;
  });
  const late = room.enter().then((leave) => {
    seen.push("late");
    return leave;
  });
  first();
  first();
  await turn();
  expect(seen).toEqual([]);
  second();
  const leave = await alone;
  await turn();
  expect(seen).toEqual(["alone"]);
  leave?.();
  (await late)();
  expect(seen).toEqual(["alone", "late"]);
});

it("gives up being alone, and lets in who waited behind", async () => {
  const room = createRoom();
  const leave = await room.enter();
  const alone = room.enterAlone(5);
  const late = room.enter();
  expect(await alone).toBeUndefined();
  (await late)();
  leave();
  expect(await room.enterAlone(1_000)).toBeDefined();
});
