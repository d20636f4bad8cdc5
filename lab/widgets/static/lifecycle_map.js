// Where states and arrows lie in the picture: once for wide places, once for narrow ones.
// A state is [x, y, width, height]; an arrow [path, x and y of its words, where these begin],
// and x and y of the command that took it, if that has no room there.

const WIDE = {
  size: [980, 420],
  states: {
    created: [20, 150, 178, 112],
    running: [346, 128, 228, 160],
    restarting: [366, 12, 188, 64],
    paused: [752, 12, 208, 88],
    exited: [752, 168, 208, 132],
    removed: [346, 346, 228, 66],
  },
  edges: {
    "new-created": ["M109 96 V146", 119, 118, "start"],
    "created-running": ["M198 206 H342", 270, 196, "middle"],
    "running-paused": ["M574 150 C660 146 676 70 748 64", 640, 78, "end"],
    "paused-running": ["M752 88 C700 92 690 170 578 172", 676, 150, "start"],
    "running-exited": ["M574 212 H748", 663, 202, "middle"],
    "exited-running": ["M752 262 H578", 663, 281, "middle"],
    "running-restarting": ["M420 128 V80", 412, 109, "end"],
    "restarting-running": ["M500 76 V124", 510, 104, "start"],
    "created-removed": ["M109 262 V378 H342", 235, 368, "middle"],
    "exited-removed": ["M856 300 V378 H578", 706, 368, "middle"],
    "paused-exited": ["M856 100 V164", 866, 138, "start"],
  },
};

const NARROW = {
  size: [420, 640],
  states: {
    created: [14, 52, 176, 92],
    restarting: [230, 52, 176, 70],
    running: [14, 222, 202, 124],
    paused: [290, 222, 116, 124],
    exited: [14, 432, 202, 112],
    removed: [290, 462, 116, 82],
  },
  edges: {
    "new-created": ["M102 12 V48", 112, 32, "start"],
    "created-running": ["M70 144 V218", 78, 186, "start"],
    "running-paused": ["M216 262 H286", 252, 252, "middle", 252, 212],
    "paused-running": ["M290 316 H220", 252, 338, "middle", 252, 366],
    "running-exited": ["M70 346 V428", 62, 392, "end"],
    "exited-running": ["M174 432 V350", 182, 396, "start"],
    "running-restarting": ["M180 222 C184 170 205 112 226 104", 196, 164, "start"],
    "restarting-running": ["M330 122 C320 180 230 186 208 218", 318, 178, "start"],
    "created-removed": ["M14 98 H5 V604 H348 V548", 178, 596, "middle"],
    "exited-removed": ["M216 502 H286", 252, 492, "middle", 300, 452],
    "paused-exited": ["M348 346 C348 400 300 440 220 450", 340, 396, "start"],
  },
};

/** The words beside an arrow while nobody takes it. */
const EDGE_WORDS = {
  "new-created": "create",
  "created-running": "start",
  "running-paused": "pause",
  "paused-running": "unpause",
  "running-exited": "stop · kill",
  "exited-running": "start",
  "created-removed": "rm",
  "exited-removed": "rm",
};

/** Commands that lead away from a state, with the key of what they do; `NAME` is filled in. */
const COMMANDS = {
  created: [["docker start NAME", "do_first_start"], ["docker rm NAME", "do_rm"]],
  running: [
    ["docker stop NAME", "do_stop"], ["docker restart NAME", "do_restart"], ["docker pause NAME", "do_pause"],
    ["docker kill NAME", "do_kill"], ["docker rm -f NAME", "do_rm_force"],
  ],
  paused: [["docker unpause NAME", "do_unpause"], ["docker stop NAME", "do_stop"]],
  restarting: [["docker stop NAME", "do_stop"], ["docker rm -f NAME", "do_rm_force"]],
  exited: [["docker start NAME", "do_start"], ["docker rm NAME", "do_rm"]],
  removed: [],
};
