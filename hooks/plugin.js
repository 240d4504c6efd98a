// Made by Callgate: asks the gate before each tool call. `callgate down` removes this file.
import { spawn } from "node:child_process";

const LAUNCHER = "@LAUNCHER@";
const PATIENCE = 9000; // milliseconds: the client answers within eight seconds, whatever happens to the gate

// Runs the hook client with one event; gives its exit code and what it says on stderr. A client that cannot be
// started, or does not end, counts as a refusal: nothing else stands between the model and the tool.
function tell(event, phase, said) {
  return new Promise((done) => {
    let child, text = "", over = false;
    const end = (code, why) => { if (!over) { over = true; clearTimeout(timer); done([code, why]); } };
    const timer = setTimeout(() => { child?.kill("SIGKILL"); end(2, "Callgate's hook did not answer in time"); }, PATIENCE);
    try {
      child = spawn(LAUNCHER, [event, phase], { stdio: ["pipe", "ignore", "pipe"] });
    } catch (error) {
      return end(2, `Callgate's hook cannot be started: ${error}`);
    }
    child.on("error", (error) => end(2, `Callgate's hook cannot be started: ${error}`));
    child.stderr.on("data", (piece) => { if (text.length < 65536) text += piece; });
    child.on("close", (code) => end(code ?? 2, text.trim() || "Callgate's hook failed"));
    child.stdin.on("error", () => {});
    child.stdin.end(JSON.stringify(said));
  });
}

export const Callgate = async ({ directory }) => {
  const event = (input, args) => ({
    tool_name: input.tool, tool_input: args ?? {}, tool_use_id: input.callID, session_id: input.sessionID, cwd: directory,
  });
  return {
    "tool.execute.before": async (input, output) => {
      const [code, why] = await tell("PreToolUse", "ask", event(input, output.args));
      if (code !== 0) throw new Error(why);
    },
    "tool.execute.after": async (input, output) => {
      await tell("PostToolUse", "tell", { ...event(input, input.args), tool_response: output.output ?? output.content });
    },
    "chat.message": async (input, output) => {
      const prompt = (output.parts ?? []).map((part) => part.text).filter((text) => typeof text === "string").join("\n");
      await tell("UserPromptSubmit", "tell", { session_id: input.sessionID, cwd: directory, prompt });
    },
  };
};
