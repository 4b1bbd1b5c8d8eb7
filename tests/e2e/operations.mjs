// SPDX-License-Identifier: BSD-3-Clause
// What a client logs of a call that takes several exchanges: one line when it is over, with the
// exchanges counted at the client's transport.
import { now } from './message.mjs';

// Calls of one client under way; it makes one after the other.
export class Operations {
  constructor(client, log) {
    this.client = client;
    this.log = log;
    this.current = undefined;
    this.asked = new Map();
  }

  // Every message of the client's transport.
  message(dir, message) {
    const op = this.current;
    if (message.method !== undefined && message.id !== undefined && dir === 'c2s') {
      this.asked.set(message.id, message.method);
      if (op && message.method === op.method) op.exchanges++;
      return;
    }
    if (dir !== 's2c' || !op) return;
    if (message.method !== undefined) {
      if (message.params?._meta?.['io.modelcontextprotocol/related-task']) op.rounds += message.id !== undefined;
      return;
    }
    const method = this.asked.get(message.id);
    if (message.result?.resultType === 'input_required') op.rounds++;
    if (method === 'tasks/update' && message.result) op.rounds++;
    if (method === 'tasks/get' && message.result) op.polls++;
    if (method === 'tasks/result') op.fetches++;
  }

  // Runs a call and logs it. `facts` go into the line: kind, method, name, ...
  async run(facts, call) {
    const op = { ...facts, exchanges: 0, rounds: 0, polls: 0, fetches: 0, t_ms: now() };
    this.current = op;
    let status = 'complete';
    try {
      const result = await call();
      if (result?.isError) status = 'tool_error';
    } catch (error) {
      status = 'error';
      if (facts.status === undefined && error?.code === undefined) throw error;
    }
    this.current = undefined;
    const ms = now() - op.t_ms;
    this.log({ client: this.client, operation: { status, ...op, ms: Math.round(ms * 1000) / 1000 } });
  }
}

const TERMINAL = ['completed', 'failed', 'cancelled'];
const STATUS = { completed: 'complete', failed: 'failed', cancelled: 'cancelled' };
const RELATED = 'io.modelcontextprotocol/related-task';

// The tasks that pass a client's transport, in both directions, as it sees them: logs one line each
// when finish() is called.
export class Tasks {
  constructor(client, log) {
    this.client = client;
    this.log = log;
    this.asked = new Map();
    this.tasks = new Map();
  }

  message(dir, message) {
    const t_ms = now();
    if (message.method === undefined) {
      this.answer(dir, message, t_ms);
      return;
    }
    const key = `${dir} ${JSON.stringify(message.id)}`;
    if (this.asked.has(key)) return; // a copy on a resumed stream
    if (message.id !== undefined) this.asked.set(key, { dir, message, t_ms });
    const params = message.params ?? {};
    const related = this.tasks.get(params._meta?.[RELATED]?.taskId);
    if (related && message.id !== undefined && !message.method.startsWith('tasks/')) related.rounds++;
    if (message.method.startsWith('notifications/tasks')) this.evidence(params.taskId, params, t_ms);
  }

  answer(dir, message, t_ms) {
    const asked = this.asked.get(`${dir === 'c2s' ? 's2c' : 'c2s'} ${JSON.stringify(message.id)}`);
    const { result } = message;
    if (!asked || asked.answered) return;
    asked.answered = true;
    const { method, params } = asked.message;
    const created = result?.task ?? (result?.resultType === 'task' ? result : undefined);
    const task = this.tasks.get(params?.taskId);
    if (created && !method.startsWith('tasks/')) {
      const name = params.name ?? null;
      this.tasks.set(created.taskId, {
        ...{ status: 'pending', kind: 'task', method, name, dir: asked.dir, exchanges: 1, rounds: 0, polls: 0 },
        ...{ fetches: 0, t_ms: asked.t_ms, ms: null, creation_ms: t_ms - asked.t_ms },
      });
      this.evidence(created.taskId, created, t_ms);
    } else if (task && method === 'tasks/result') {
      task.fetches++;
      this.evidence(params.taskId, { status: 'completed', result }, t_ms);
    } else if (task && result) {
      if (method === 'tasks/get') task.polls++;
      if (method === 'tasks/update') task.rounds++;
      this.evidence(params.taskId, result, t_ms);
    }
  }

  evidence(id, { status, result }, t_ms) {
    const task = this.tasks.get(id);
    if (!task || !TERMINAL.includes(status)) return;
    if (task.ms === null) {
      task.ms = t_ms - task.t_ms;
      task.status = STATUS[status];
    }
    if (result?.isError && task.status === 'complete') task.status = 'tool_error';
  }

  finish() {
    for (const operation of this.tasks.values()) this.log({ client: this.client, operation });
  }
}
