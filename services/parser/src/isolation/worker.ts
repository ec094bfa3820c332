import { parseFile } from "../formats/parse-file.js";
import { serve } from "./serve.js";

serve(parseFile);
