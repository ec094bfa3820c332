import { readFile } from "node:fs/promises";
import { type ParseSummary, SluiceError } from "@sluice/contracts";
import { serve } from "../isolation/serve.js";

/** A parser that does what its file says: the worst that parsers do, on demand. */
serve(async (job, sink): Promise<ParseSummary> => {
  const hoard: unknown[] = [];
  const section = (ordinal: number, text: string) =>
    sink.section({ ordinal, level: 1, title: null, code: null, text, start: 0, pageFrom: null, pageTo: null });
  const order = await readFile(job.file, "utf8");
  switch (order) {
    case "hang":
      for (;;);
    case "wait":
      await new Promise((resolve) => setTimeout(resolve, 3_600_000));
      break;
    case "fill the heap":
      for (;;) hoard.push(Array.from({ length: 1_000 }, (_, index) => ({ index })));
    case "fill buffers":
      for (;;) {
        hoard.push(Buffer.alloc(16 * 1024 * 1024, 1));
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    case "crash":
      process.kill(process.pid, "SIGSEGV");
      await new Promise(() => {});
      break;
    case "throw":
      throw new Error("Mrs Miller's secret");
    case "fail":
      throw new SluiceError("document_corrupt");
    case "flood":
      for (let ordinal = 0; ordinal < 60; ordinal += 1) await section(ordinal, "x".repeat(32_000));
      break;
    default:
      // biome-ignore lint/style/noProcessEnv: that there is nothing in it is what is tested
      await section(0, JSON.stringify({ order, environment: Object.keys(process.env), pid: process.pid }));
  }
  const header = { title: null, type: null, language: null, patient: null, dates: [] };
  return { format: "text", mediaType: "text/plain", header, warnings: [], sections: 1, pages: 0, length: 1 };
});
