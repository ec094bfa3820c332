import { stop } from "./setup.js";

// biome-ignore lint/style/noDefaultExport: Jest takes its global tear-down so
export default stop;
