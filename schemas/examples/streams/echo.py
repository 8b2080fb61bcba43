# What a caller says comes back a second later; a key ends it. A server for the verb `stream`, in plain Python:
#   pip install websockets; python3 echo.py 3001      then: {"verb": "stream", "to": "ws://127.0.0.1:3001/"}
import asyncio, json, sys
import websockets

DELAY = 1.0

async def later(ws, queue):
    while True:
        at, frame = await queue.get()
        await asyncio.sleep(at - asyncio.get_running_loop().time())
        await ws.send(json.dumps(frame))

async def call(ws):
    queue = asyncio.Queue()
    sender = asyncio.create_task(later(ws, queue))
    async for text in ws:
        frame = json.loads(text)
        if frame["event"] == "media":
            echo = {"event": "media", "streamSid": frame["streamSid"], "media": {"payload": frame["media"]["payload"]}}
            queue.put_nowait((asyncio.get_running_loop().time() + DELAY, echo))
        elif frame["event"] == "dtmf":
            await ws.send(json.dumps({"event": "clear", "streamSid": frame["streamSid"]}))
            break
        else:
            print(text, flush=True)
    sender.cancel()

async def main(port):
    async with websockets.serve(call, "127.0.0.1", port):
        await asyncio.Future()

asyncio.run(main(int(sys.argv[1])))
