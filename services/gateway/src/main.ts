import { runService } from "@sluice/runtime";
import { createGateway, gatewayConfig } from "./index.js";

await runService({ name: "gateway", config: gatewayConfig, create: createGateway });
