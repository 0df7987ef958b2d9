/**
 * A question that is asked until it is answered. While the server cannot answer, the page asks again;
 * when asking again cannot help, the problem is shown and the question rests.
 *
 * A call that gets no answer is given up after a while, since a half-open connection never fails by
 * itself.
 */
import { type Problem, problemOf } from "./problem.ts";

export interface QuestionOptions<Answer> {
  /** Asks the server. @param signal ends the call */
  readonly ask: (signal: AbortSignal) => Promise<Answer>;
  readonly onAnswer: (answer: Answer) => void;
  readonly onProblem: (problem: Problem) => void;
}

const GIVE_UP_AFTER_MS = 10_000;
const NO_ANSWER = `none came for ${GIVE_UP_AFTER_MS / 1_000} s`;

/** Asks. @returns a function that ends it: nothing is called after that */
export function askUntilAnswered<Answer>(options: QuestionOptions<Answer>): () => void {
  const stopping = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const ask = async () => {
    const call = new AbortController();
    const giveUp = () => call.abort();
    stopping.signal.addEventListener("abort", giveUp);
    timer = setTimeout(giveUp, GIVE_UP_AFTER_MS);
    try {
      const answer = await options.ask(call.signal);
      clearTimeout(timer);
      if (!stopping.signal.aborted) options.onAnswer(answer);
    } catch (error) {
      clearTimeout(timer);
      if (stopping.signal.aborted) return;
      const problem = problemOf(call.signal.aborted ? new Error(NO_ANSWER) : error);
      const { retryAfterMs } = problem;
      if (retryAfterMs !== null) timer = setTimeout(ask, retryAfterMs * (1 + Math.random() / 2));
      options.onProblem(problem);
    } finally {
      stopping.signal.removeEventListener("abort", giveUp);
    }
  };
  void ask();
  return () => {
    clearTimeout(timer);
    stopping.abort();
  };
}
