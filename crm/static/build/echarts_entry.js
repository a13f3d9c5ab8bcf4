// The part of ECharts that our pages use. Only the SVG renderer: it prints sharply and its text can be read by tests.
import { BarChart, FunnelChart, HeatmapChart, LineChart, PieChart } from "echarts/charts";
import {
  AriaComponent,
  DatasetComponent,
  GridComponent,
  LegendComponent,
  TooltipComponent,
  VisualMapComponent,
} from "echarts/components";
import * as core from "echarts/core";
import { LabelLayout } from "echarts/features";
import { SVGRenderer } from "echarts/renderers";

core.use([
  AriaComponent,
  BarChart,
  DatasetComponent,
  FunnelChart,
  GridComponent,
  HeatmapChart,
  LabelLayout,
  LegendComponent,
  LineChart,
  PieChart,
  SVGRenderer,
  TooltipComponent,
  VisualMapComponent,
]);

// The default tooltip writes HTML with style attributes, which our content security policy refuses; rich text is drawn instead.
const HOUSE_THEME = { tooltip: { renderMode: "richText" }, aria: { enabled: true } };

window.echarts = {
  ...core,
  init: (element, theme = HOUSE_THEME, options = {}) => core.init(element, theme, { renderer: "svg", ...options }),
};
