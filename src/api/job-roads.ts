import type { IncomingMessage } from 'node:http'
import {
  type AsyncOrder,
  readAsyncOrder,
  readPollOrder,
  readSubmitOrder,
  type TtlRules,
} from './async-headers.ts'
import { type DescribeJob, describeAsChat, describeAsJob } from './job-replies.ts'

/** How jobs are asked for and told of on one kind of route. */
export interface JobRoad {
  /** Whether it only asks how a job stands, by its head alone. */
  isPoll(req: IncomingMessage): boolean
  /** Null where an ordinary call is asked for. */
  readOrder(req: IncomingMessage, rules: TtlRules): AsyncOrder | null
  readonly describe: DescribeJob
}

/** Chat routes: by headers, as chat completions. */
export const chatRoad: JobRoad = {
  isPoll: ({ headers }) => headers['x-bf-async-id'] !== undefined,
  readOrder: readAsyncOrder,
  describe: describeAsChat,
}

export const submitRoad: JobRoad = {
  isPoll: () => false,
  readOrder: readSubmitOrder,
  describe: describeAsJob,
}

/** `id` is the address's. */
export const pollRoad = (id: string): JobRoad => ({
  isPoll: () => true,
  readOrder: (req) => readPollOrder(id, req),
  describe: describeAsJob,
})
