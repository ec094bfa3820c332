import { runService } from "@sluice/runtime";
import { chunkerConfig, createChunker } from "./index.js";

await runService({ name: "chunker", config: chunkerConfig, create: createChunker });
