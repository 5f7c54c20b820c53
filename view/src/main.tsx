import { render } from "preact";

import { App } from "./App";
import { applyTheme, theme } from "./session";

applyTheme(theme());
const root = document.getElementById("root");
if (root !== null) render(<App />, root);
