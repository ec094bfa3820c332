import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { emptyHeader, type ParseSummary, SluiceError } from "@sluice/contracts";
import { asFailure } from "../formats/failure.js";
import type { Limits, Sink } from "../formats/format.js";
import type { FileToParse } from "../formats/parse-file.js";
import { serve } from "../isolation/serve.js";
import { createGrey } from "../picture/grey.js";
import type { Recognition } from "../recognition/recogniser.js";
import { OutputWriter } from "../writing/output-writer.js";

/** A parser that does what its file says: the worst that parsers do, on demand. */
async function parse(
  job: FileToParse & { limits: Limits },
  sink: Sink,
  recognition: Recognition,
): Promise<ParseSummary> {
  const hoard: unknown[] = [];
  const section = (ordinal: number, text: string) =>
    sink.row("sections", { ordinal, level: 1, title: null, code: null, text, start: 0, pageFrom: null, pageTo: null });
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
    case "stumble":
      // A fault of the kind that reading a file nobody thought of leads to.
      throw asFailure(await stumble({ name: "Mrs Miller" }).catch((error: unknown) => error));
    case "scribble":
      await sink.row("sections", { text: 7 } as never);
      break;
    case "start another":
      await section(0, JSON.stringify({ grandchild: spawn("sleep", ["600"], { stdio: "inherit" }).pid }));
      break;
    case "start a large one":
      spawn(process.execPath, [
        "-e",
        "const hoard = Buffer.alloc(300 * 1024 * 1024, 1); setInterval(() => hoard, 1e6)",
      ]);
      await new Promise(() => {});
      break;
    case "ask": {
      if (recognition.kind !== "here") throw new Error("no recogniser");
      const { pages } = recognition;
      const told = await Promise.all([1, 2].map((page) => pages.find("any", page)));
      await pages.keep("any", 1, { kind: "ocr", text: "", lines: [], rotation: 0, confidence: 1 });
      await section(0, [...told.map((page) => page?.text), "nothing to tell"].join(", "));
      break;
    }
    case "recognise": {
      const out = new OutputWriter(sink, job.limits, recognition);
      const page = await out.recognise({ number: 1, picture: async () => ({ ...createGrey(1, 1), dpi: null }) });
      await section(0, page?.text ?? "not recognised");
      break;
    }
    case "fail":
      throw new SluiceError("document_corrupt");
    case "flood":
      for (let ordinal = 0; ordinal < 60; ordinal += 1) await section(ordinal, "x".repeat(32_000));
      break;
    default:
      // biome-ignore lint/style/noProcessEnv: that there is nothing in it is what is tested
      await section(0, JSON.stringify({ order, environment: Object.keys(process.env), pid: process.pid }));
  }
  const counts = { sections: 1, pages: 0, tables: 0, facts: 0 };
  return { format: "text", mediaType: "text/plain", header: emptyHeader(), warnings: [], counts, length: 1 };
}

async function stumble(document: { name?: string; lines?: string[] }): Promise<number> {
  return (document.lines as string[]).length;
}

/** Counts instead of reading. */
let recognised = 0;
serve(
  (job, sink, limits, recognition) => parse({ ...job, limits }, sink, recognition),
  () => ({
    engine: "spelling/1",
    recognise: async () => ({
      kind: "ocr",
      text: `recognised ${++recognised}`,
      lines: [],
      rotation: 0,
      confidence: 0.5,
    }),
  }),
);
