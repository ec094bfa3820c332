import { runService } from "@sluice/runtime";
import { createSupervisor, supervisorConfig } from "./index.js";

await runService({ name: "supervisor", config: supervisorConfig, create: createSupervisor });
