import { assertEquals } from "@std/assert";
import { mergedMetrics } from "../../../server/processes/merged_metrics.ts";

const FIRST = `# HELP a_total What a counts.
# TYPE a_total counter
a_total{outcome="x y"} 1
a_total{outcome="}\\"{"} 2

# HELP b_ms How long.
# TYPE b_ms histogram
b_ms_bucket{le="1"} 1
b_ms_sum 0.5
b_ms_count 1
`;
const SECOND = `# HELP a_total What a counts.
# TYPE a_total counter
a_total{outcome="x y"} 3

# HELP c Only here.
# TYPE c gauge
c{} 4
`;

Deno.test("metrics of two processes are one text: each family once, each figure with its process", () => {
  assertEquals(
    mergedMetrics(new Map([["1", FIRST], ["2", SECOND]])),
    `# HELP a_total What a counts.
# TYPE a_total counter
a_total{process="1",outcome="x y"} 1
a_total{process="1",outcome="}\\"{"} 2
a_total{process="2",outcome="x y"} 3

# HELP b_ms How long.
# TYPE b_ms histogram
b_ms_bucket{process="1",le="1"} 1
b_ms_sum{process="1"} 0.5
b_ms_count{process="1"} 1

# HELP c Only here.
# TYPE c gauge
c{process="2"} 4
`,
  );
});

Deno.test("metrics of no process are an empty text", () => {
  assertEquals(mergedMetrics(new Map()), "\n");
});
