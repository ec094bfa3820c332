import { runService } from "@sluice/runtime";
import { createParser, parserConfig } from "./index.js";

await runService({ name: "parser", config: parserConfig, create: createParser });
