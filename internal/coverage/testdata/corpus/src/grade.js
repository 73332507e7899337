'use strict'

function grade (points) {
  if (points > 90 || points === 42) {
    return 1
  } else if (points > 50) {
    return 2
  }
  return 3
}

function never () {
  console.log('never')
}

for (const p of [60, 70]) console.log(grade(p) > 1 ? 'well' : 'better')
if (process.argv.length > 5) never()
