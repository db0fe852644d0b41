#!/bin/sh
# Makes the simulator's films, pictures and songs, which are committed as they come out: needs ffmpeg with libx264 and
# DejaVu's fonts, and only if they are to be others. Five segments of ten seconds, one for each rendition, at its true
# height and with its name in the picture; one small film; posters, photographs and songs.
set -eu
cd "$(dirname "$0")"
run() { ffmpeg -hide_banner -loglevel error -y "$@"; }
FONT=/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf

# No B-frames and one key frame: a segment may be cut after any frame. PTS begin at ten seconds.
segment() { # name width height
  run -f lavfi -i "testsrc=s=$2x$3:r=8:d=10" -f lavfi -i "sine=f=220:r=44100:d=10" -filter_complex \
    "[0]drawtext=fontfile=$FONT:text='$1 $3p':fontsize=h/6:x=(w-tw)/2:y=h*0.68:fontcolor=white:box=1:boxborderw=$(($3 / 40)):boxcolor=black,format=yuv420p[v];[1]volume=0.03,atrim=end_sample=439296,asetpts=PTS+1024[a]" \
    -map '[v]' -map '[a]' -c:v libx264 -profile:v high -preset veryslow -crf 44 -bf 0 -g 1000 -keyint_min 1000 -sc_threshold 0 \
    -c:a aac -ac 1 -b:a 24k -output_ts_offset 10 -muxdelay 0.7 -muxpreload 0 -pat_period 20 -sdt_period 20 -pcr_period 100 \
    -metadata service_name=alidav -metadata service_provider=alidav -f mpegts "$1.ts"
}
segment LD 640 360
segment SD 960 540
segment HD 1280 720
segment FHD 1920 1080
segment QHD 2560 1440

# What large originals repeat (stretch.rs): no B-frames, a key frame every 16 pictures, 80 pictures and 430 pieces of sound.
run -f lavfi -i "testsrc=s=640x360:r=8:d=10" -f lavfi -i "sine=f=330:r=44100:d=10" -filter_complex \
  "[0]drawtext=fontfile=$FONT:text='original':fontsize=h/6:x=(w-tw)/2:y=h*0.68:fontcolor=white:box=1:boxborderw=9:boxcolor=black,format=yuv420p[v];[1]volume=0.03,atrim=end_sample=439296,asetpts=PTS+1024[a]" \
  -map '[v]' -map '[a]' -c:v libx264 -preset veryslow -crf 40 -bf 0 -g 16 -keyint_min 16 -sc_threshold 0 -c:a aac -ac 1 -b:a 24k \
  -movflags +faststart clip.mp4

# A landscape: a sky, the sun, three ranges of hills. In the picture's own units x and y go from 0 to 1.
landscape() { # name width height sky-red,green,blue sun-x sun-y phase
  red=${4%%,*} rest=${4#*,} green=${rest%%,*} blue=${rest#*,}
  h3="gt(Y/H,0.62-0.05*(sin(X/W*7+$7)+0.4*sin(X/W*19+$7*3)))"
  h2="gt(Y/H,0.72-0.06*(sin(X/W*5+$7*2)+0.3*sin(X/W*23+$7)))"
  h1="gt(Y/H,0.85-0.05*(sin(X/W*4+$7*5)+0.2*sin(X/W*31+$7*2)))"
  sun="220*exp(-90*(pow((X-W*$5)/H,2)+pow(Y/H-$6,2)))"
  layer() { # sky-channel: the further a range, the more of the sky it takes on
    echo "if($h1,$1*0.12,if($h2,$1*0.3,if($h3,$1*0.52,min(255,$1*(1.15-0.75*Y/H)+60*Y/H+$sun*$2))))"
  }
  run -f lavfi -i "color=s=$2x$3:d=1:r=1" -vf "format=rgb24,geq=r='$(layer "$red" 1)':g='$(layer "$green" 0.85)':b='$(layer "$blue" 0.5)'" \
    -frames:v 1 -q:v 5 "$1.jpg"
}
photo() { landscape "photo-$1" 1280 853 "$2" "$3" "$4" "$5"; run -i "photo-$1.jpg" -vf scale=480:-2 -q:v 6 "photo-$1-small.jpg"; }
photo 0 230,120,70 0.7 0.45 0.3
photo 1 90,150,220 0.3 0.2 1.9
photo 2 190,110,170 0.5 0.5 3.1
photo 3 70,160,150 0.2 0.35 4.4
photo 4 240,180,90 0.85 0.3 5.2
photo 5 60,80,140 0.6 0.15 0.9
photo 6 220,90,90 0.4 0.55 2.6
photo 7 140,190,240 0.75 0.1 3.9

poster() { # name colour picture
  run -f lavfi -i "$3" -vf "format=rgb24,colorchannelmixer=$2,vignette,format=yuv420p" -frames:v 1 -q:v 8 "poster-$1.jpg"
}
poster 0 "rr=1:gg=0.6:bb=0.4" "mandelbrot=s=480x270:start_scale=0.8:r=1"
poster 1 "rr=0.4:gg=0.8:bb=1" "mandelbrot=s=480x270:start_scale=0.02:start_x=-0.745:start_y=0.11:r=1"
poster 2 "rr=0.9:gg=0.9:bb=0.5" "gradients=s=480x270:c0=0x102040:c1=0xe08050:x0=0:y0=0:x1=480:y1=270:r=1"
poster 3 "rr=0.7:gg=0.5:bb=1" "mandelbrot=s=480x270:start_scale=0.005:start_x=-1.25:start_y=0.02:r=1"

song() { # name title artist second-note third-note
  run -f lavfi -i "aevalsrc='0.2*exp(-3*mod(t,0.5))*(sin(2*PI*t*220*pow(2,floor(mod(t*2,8))*$4/12))+0.5*sin(2*PI*t*440*pow(2,floor(mod(t,4))*$5/12)))':d=16:s=22050" \
    -metadata title="$2" -metadata artist="$3" -metadata album="alidav" -c:a libmp3lame -b:a 24k -ac 1 "$1.mp3"
}
song song-0 "晨光" "模拟乐团" 2 3
song song-1 "Evening Bells" "The Simulators" 3 5
rm -f ./*.tmp
wc -c ./*.ts | tail -1
