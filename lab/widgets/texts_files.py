"""What the layers widget says of files: the tree, what changed in one, and what is hidden."""

from __future__ import annotations

from lab.widgets.texts import Table

FILES: Table = {
    "en": {
        "folder_about": "{path}, {count} in it",
        "file_about": "{path}: what changed",
        "whiteout": "whiteout",
        "whiteout_about": "A whiteout: a mark in this layer that hides what lies below. The file itself "
        "stays stored in the layer that has it.",
        "copied_up": "The whole file lies in this layer too, with the change: it was copied up.",
        "content_wait": "looking into the file …",
        "content_gone": "It is not there any more.",
        "content_binary": "No text to compare.",
        "content_long": "Too long to compare line by line.",
        "content_same": "The content is the same; only what is known about the file is another (its "
        "owner, its rights or its time).",
        "lines_more": "… and {count} more lines",
        "before": "before",
        "after": "after",
        "nothing_there": "nothing",
        "hides": "hides {size} below",
        "hides_at_least": "hides {size} or more below",
        "hidden": "Hidden, and stored all the same",
        "hidden_help": "These files lie in layers below. This layer hides them, but every pull and push "
        "still carries them. Deleting in the same step as making avoids it.",
        "hidden_in": "in layer {number}",
        "hidden_more": "… and {count} more files",
        "waste": "hidden",
        "waste_about": "{size} of it is hidden by layers above, and stored all the same",
    },
    "ko": {
        "folder_about": "{path}, 안에 {count}개",
        "file_about": "{path}: 바뀐 내용",
        "whiteout": "화이트아웃",
        "whiteout_about": "화이트아웃(whiteout)입니다. 아래에 있는 것을 가리라는 표시가 이 레이어에 "
        "놓입니다. 파일 자체는 그것을 가진 레이어에 그대로 남아 있습니다.",
        "copied_up": "바뀐 파일이 통째로 이 레이어에도 있습니다. 위로 복사된 것입니다.",
        "content_wait": "파일을 살펴보는 중 …",
        "content_gone": "이제 없습니다.",
        "content_binary": "비교할 텍스트가 아닙니다.",
        "content_long": "너무 길어서 줄마다 비교하지 않습니다.",
        "content_same": "내용은 같고, 파일에 딸린 정보(소유자, 권한, 시각)만 다릅니다.",
        "lines_more": "… 그 밖에 {count}줄",
        "before": "이전",
        "after": "이후",
        "nothing_there": "없음",
        "hides": "아래의 {size}를 가림",
        "hides_at_least": "아래의 {size} 이상을 가림",
        "hidden": "가려졌지만 그대로 저장된 것",
        "hidden_help": "이 파일들은 아래 레이어에 있습니다. 이 레이어가 가리지만 풀과 푸시 때마다 함께 "
        "옮겨집니다. 만든 단계에서 바로 지우면 이런 일이 없습니다.",
        "hidden_in": "레이어 {number}에 있음",
        "hidden_more": "… 그 밖에 파일 {count}개",
        "waste": "가려진 것",
        "waste_about": "그중 {size}는 위의 레이어에 가려졌지만 그대로 저장되어 있습니다",
    },
}
