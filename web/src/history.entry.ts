// The history of a machine: charts that can be read at any moment, in place of the drawings that came with the page.

import { startCharts } from "./charts/panels";

startCharts();
