import { tmpdir } from "node:os";
import { join } from "node:path";
import { queueConfig, workerConfig } from "@sluice/queue";
import { variable } from "@sluice/runtime";
import { storeConfig } from "@sluice/store";
import { z } from "zod";
import { defaultLimits } from "./formats/format.js";
import { engineChoices } from "./recognition/choose-engine.js";

/** The queues that a parser can serve. */
export const parserQueues = ["parse", "ocr"] as const;
export type ParserQueue = (typeof parserQueues)[number];

const positive = (fallback: number) => z.coerce.number().int().positive().default(fallback);

export const parserConfig = {
  store: storeConfig,
  queue: queueConfig,
  worker: workerConfig,
  queues: variable(
    "PARSER_QUEUES",
    z
      .string()
      .default("parse,ocr")
      .transform((list) => [...new Set(list.split(",").map((name) => name.trim()))])
      .pipe(z.array(z.enum(parserQueues)).min(1)),
    "Queues that this parser serves, each with processes of its own: `parse`, and `ocr` for pages to recognise.",
  ),
  parse: {
    concurrency: variable(
      "PARSER_CONCURRENCY",
      positive(2),
      "Documents a parser reads at once, each in an isolated process.",
    ),
    timeoutMs: variable(
      "PARSER_TIMEOUT_MS",
      positive(240_000),
      "Longest that reading a document may take, without what storing takes; milliseconds.",
    ),
    memoryMb: variable("PARSER_MEMORY_MB", positive(768), "Most memory that reading a document may take."),
  },
  ocr: {
    engine: variable(
      "OCR",
      z.enum(engineChoices).default("auto"),
      "What recognises pages: `tesseract` where it is installed, `tesseract.js`, which always is, `auto` for the first of them that has the languages, or `off`.",
    ),
    languages: variable(
      "OCR_LANGUAGES",
      z
        .string()
        .default("eng")
        .transform((list) => [...new Set(list.split(/[,+]/).map((name) => name.trim()))])
        .pipe(z.array(z.string().regex(/^[a-z_]{3,16}$/i)).min(1)),
      "Languages of scanned pages, by tesseract's names, separated by commas; each but `eng` takes the npm package `@tesseract.js-data/<language>`, or tesseract's own data.",
    ),
    concurrency: variable(
      "PARSER_OCR_CONCURRENCY",
      positive(1),
      "Documents whose pages are recognised at once, each in an isolated process.",
    ),
    timeoutMs: variable(
      "PARSER_OCR_TIMEOUT_MS",
      positive(300_000),
      "Longest that a document in recognition may take from one recognised page to the next; milliseconds.",
    ),
    memoryMb: variable(
      "PARSER_OCR_MEMORY_MB",
      positive(1_536),
      "Most memory that recognising a document's pages may take, the engine included.",
    ),
  },
  provider: {
    name: variable(
      "PARSER_PROVIDER",
      z.enum(["builtin", "llamaparse"]).default("builtin"),
      "What reads PDFs, images and Office files: the parser itself, or LlamaParse, which sends them to a third party.",
    ),
    apiKey: variable("LLAMA_CLOUD_API_KEY", z.string().min(1).optional(), "LlamaParse's key.", { secret: true }),
    baseUrl: variable(
      "LLAMA_CLOUD_BASE_URL",
      z.url().default("https://api.cloud.llamaindex.ai"),
      "LlamaParse's address.",
      { wire: true },
    ),
    tier: variable(
      "LLAMAPARSE_TIER",
      z.enum(["fast", "cost_effective", "agentic", "agentic_plus"]).default("agentic"),
      "How LlamaParse reads; its prices go by this.",
    ),
    version: variable(
      "LLAMAPARSE_VERSION",
      z.string().default("latest"),
      "Version of the tier; pin one for the same output later.",
    ),
  },
  maxPages: variable("PARSER_MAX_PAGES", positive(defaultLimits.maxPages), "Pages a document may have."),
  maxExpandedMb: variable(
    "PARSER_MAX_EXPANDED_MB",
    positive(defaultLimits.maxExpandedBytes / 1024 / 1024),
    "What a document may unpack to.",
  ),
  maxMegapixels: variable(
    "PARSER_MAX_MEGAPIXELS",
    positive(defaultLimits.maxPixels / 1_000_000),
    "What one page's picture may have, in millions of pixels; a page of A4 at 600 dots an inch has 35.",
  ),
  maxDepth: variable("PARSER_MAX_DEPTH", positive(defaultLimits.maxDepth), "Levels of elements within elements."),
  maxChildren: variable(
    "PARSER_MAX_CHILDREN",
    positive(defaultLimits.maxChildren),
    "Documents that may be found in one.",
  ),
  maxChildDepth: variable("PARSER_MAX_CHILD_DEPTH", positive(5), "Documents within documents."),
  maxDescendants: variable(
    "PARSER_MAX_DESCENDANTS",
    positive(50_000),
    "Documents that may be found in one that was sent, at all depths together.",
  ),
  maxDescendantsMb: variable(
    "PARSER_MAX_DESCENDANTS_MB",
    positive(4_096),
    "What all documents found in one that was sent may have together.",
  ),
  clamd: {
    host: variable(
      "CLAMD_HOST",
      z.string().optional(),
      "clamd, by which every original is scanned before it is opened; while it is out documents wait. None unless given. Its StreamMaxLength must be GATEWAY_MAX_FILE_MB or more.",
    ),
    port: variable("CLAMD_PORT", z.coerce.number().int().min(1).max(65535).default(3310), "Its TCP port."),
    timeoutMs: variable("CLAMD_TIMEOUT_MS", positive(60_000), "Longest it may be silent; milliseconds."),
  },
  scratch: variable(
    "PARSER_SCRATCH",
    z.string().default(join(tmpdir(), "sluice-parser")),
    "Folder for originals while they are read; emptied as soon as each is done.",
  ),
};
