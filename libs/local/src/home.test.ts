import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { openHome } from "./home.js";
import { createStack } from "./stack.js";

test("a second stack on the same home is refused and says who runs there", async () => {
  const folder = await mkdtemp(join(tmpdir(), "sluice-home-"));
  const home = await openHome(folder);
  const second = createStack({ home: folder, log: () => {} });
  await expect(second.start()).rejects.toThrow(`process ${process.pid}`);
  await second.destroy();
  await expect(openHome(folder)).rejects.toThrow(`process ${process.pid}`);
  await home.unlock();
  await rm(folder, { recursive: true });
});
