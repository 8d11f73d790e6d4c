// The exposition: what Prometheus reads of what gates count.
import { expect, test } from "vitest";
import { exposition } from "../../../components/edge/worker/src/metrics.js";

test("counters, labels and histograms are written as Prometheus reads them; what no family has is left out", () => {
  const counts = {
    admitted: 5,
    "refused:plan": 2,
    "tokens:input": 100,
    "first_token_bucket:+Inf": 4,
    "first_token_bucket:0.5": 3,
    "first_token_bucket:0.25": 1,
    first_token_sum: 1.5,
    first_token_count: 4,
    unheard_of: 1,
  };
  const parts = [{ vertical: "salon", part: "shared", lent: 9, used: 7 }];
  const text = exposition([{ tenant: 'a"b\\c\nd', active: 3, counts }], parts, [{ tenant: "silent" }, { vertical: "clinic" }]);
  expect(text.split("\n").filter((line) => !line.startsWith("#"))).toEqual([
    'headroom_edge_active_calls{tenant="a\\"b\\\\c\\nd"} 3',
    'headroom_edge_admitted_total{tenant="a\\"b\\\\c\\nd"} 5',
    'headroom_edge_refused_total{tenant="a\\"b\\\\c\\nd",reason="plan"} 2',
    'headroom_edge_tokens_total{tenant="a\\"b\\\\c\\nd",kind="input"} 100',
    'headroom_edge_first_token_seconds_bucket{tenant="a\\"b\\\\c\\nd",le="0.25"} 1',
    'headroom_edge_first_token_seconds_bucket{tenant="a\\"b\\\\c\\nd",le="0.5"} 3',
    'headroom_edge_first_token_seconds_bucket{tenant="a\\"b\\\\c\\nd",le="+Inf"} 4',
    'headroom_edge_first_token_seconds_sum{tenant="a\\"b\\\\c\\nd"} 1.5',
    'headroom_edge_first_token_seconds_count{tenant="a\\"b\\\\c\\nd"} 4',
    'headroom_edge_places_lent{vertical="salon",part="shared"} 9',
    'headroom_edge_places_used{vertical="salon",part="shared"} 7',
    'headroom_edge_unanswered{tenant="silent"} 1',
    'headroom_edge_unanswered{vertical="clinic"} 1',
    "",
  ]);
  expect(text).toContain("# TYPE headroom_edge_first_token_seconds histogram");
});

test("without tenants there is nothing to say", () => expect(exposition([], [], [])).toBe(""));
