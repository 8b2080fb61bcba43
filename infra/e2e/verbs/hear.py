# A recogniser's end of a stream: keeps each track as raw u-law beside this file, and the other frames as lines.
import asyncio, base64, json, sys
import websockets

async def call(ws):
    print(json.dumps({"event": "handshake", "headers": dict(ws.request_headers)}), flush=True)
    async for text in ws:
        frame = json.loads(text)
        if frame["event"] != "media":
            print(text, flush=True)
            continue
        with open(frame["media"]["track"] + ".ulaw", "ab") as f:
            f.write(base64.b64decode(frame["media"]["payload"]))

async def main(port):
    async with websockets.serve(call, "127.0.0.1", port):
        await asyncio.Future()

asyncio.run(main(int(sys.argv[1])))
