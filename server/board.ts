/**
 * The status board of one instance: it is read again when an actor changes its state.
 *
 * Tested in tests/server/ops/status_board_test.ts.
 */
import type { Aggregator } from "../actors/aggregator/aggregator.ts";
import type { OrderWriter } from "../actors/order_writer/order_writer.ts";
import type { Bus } from "./figures/bus.ts";
import type { ProblemWatch } from "./ops/problems/watch.ts";
import { startStatusBoard, type StatusBoard, type StatusBoardOptions } from "./ops/status_board.ts";

interface Actors {
  readonly writer: OrderWriter;
  readonly aggregator: Aggregator;
  readonly bus: Bus;
  readonly problems: ProblemWatch;
}

/** Starts the board. */
export function startBoard(board: Omit<StatusBoardOptions, "states">, actors: Actors): StatusBoard {
  const { writer, aggregator, bus, problems } = actors;
  const states = () =>
    [
      writer.circuit,
      writer.intake,
      aggregator.state,
      bus.state(),
      board.spill().state,
      ...problems.standing().map(({ name }) => name),
    ].join();
  return startStatusBoard({ ...board, states }, [writer, aggregator, bus, problems]);
}
