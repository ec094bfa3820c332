import { runService } from "@sluice/runtime";
import { createEmbedder, embedderConfig } from "./index.js";

await runService({ name: "embedder", config: embedderConfig, create: createEmbedder });
