import { parseFile } from "../formats/parse-file.js";
import { openRecogniser } from "../recognition/open-recogniser.js";
import { serve } from "./serve.js";

serve(parseFile, openRecogniser);
